namespace MoE.Samples.Papers.Hopfield;

/// <summary>How the images of a bag become one vector.</summary>
public enum Pooling
{
    /// <summary>Associative: softmax over the bag of products with a learned state.</summary>
    Hopfield,

    /// <summary>The mean of the bag.</summary>
    Mean,

    /// <summary>The largest of the bag, per feature.</summary>
    Max,

    /// <summary>The associative layer at beta = 0: its mean.</summary>
    Flat,
}
