namespace MoE.Onnx;

/// <summary>Where an export stands.</summary>
public enum OnnxExportStage
{
    /// <summary>Weights are read and the files are written, under another name.</summary>
    Writing,

    /// <summary>ONNX Runtime opens the model.</summary>
    Opening,

    /// <summary>The model is run and compared.</summary>
    Verifying,

    /// <summary>The files have their names.</summary>
    Done,
}
