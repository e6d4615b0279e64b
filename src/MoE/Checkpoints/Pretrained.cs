namespace MoE.Checkpoints;

/// <summary><c>FromPretrained</c> for the managed types: <c>MoEFeedForward.FromPretrained(folder, layer)</c> and so on, from a folder as <see cref="HuggingFaceCheckpoint"/> opens it. Files are open during the call only.</summary>
public static class Pretrained
{
    extension(MoEFeedForward)
    {
        /// <summary>Packs the experts of a published model's layer, expert by expert from the mapped file: no copy of the layer in single precision is made.</summary>
        /// <param name="folder">The folder with <c>config.json</c> and the safetensors files.</param>
        /// <param name="layer">The number of a mixture-of-experts layer.</param>
        /// <param name="precision">How weights are held and multiplied; null: single precision.</param>
        /// <param name="progress">Told the share that is packed, 0..1.</param>
        /// <param name="cancellation">Stops between matrices.</param>
        /// <exception cref="InvalidDataException">A file is damaged, or weights and configuration do not agree: all tensors in question are named.</exception>
        /// <exception cref="IOException">A file is missing or cannot be read.</exception>
        /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
        /// <exception cref="OperationCanceledException">It was cancelled.</exception>
        public static MoEFeedForward FromPretrained(string folder, int layer, ExpertPrecision? precision = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
        {
            using var model = HuggingFaceCheckpoint.Open(folder);
            var weights = model.Layer(layer);
            return new MoEFeedForward(weights.Spec, new TrackedParts(weights, weights.Spec, progress, cancellation), precision);
        }
    }

    extension(ManagedMoEEngine)
    {
        /// <summary>A published model's layer on the managed kernels, router included; packed as <c>MoEFeedForward.FromPretrained</c> does.</summary>
        /// <param name="folder">The folder with <c>config.json</c> and the safetensors files.</param>
        /// <param name="layer">The number of a mixture-of-experts layer.</param>
        /// <param name="threads">Threads that work on a call, the caller's included; positive.</param>
        /// <param name="precision">How weights are held and multiplied; null: single precision.</param>
        /// <param name="progress">Told the share that is packed, 0..1.</param>
        /// <param name="cancellation">Stops between matrices.</param>
        /// <exception cref="InvalidDataException">A file is damaged, or weights and configuration do not agree: all tensors in question are named.</exception>
        /// <exception cref="IOException">A file is missing or cannot be read.</exception>
        /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
        /// <exception cref="OperationCanceledException">It was cancelled.</exception>
        public static ManagedMoEEngine FromPretrained(string folder, int layer, int threads = 1, ExpertPrecision? precision = null, IProgress<double>? progress = null, CancellationToken cancellation = default)
        {
            using var model = HuggingFaceCheckpoint.Open(folder);
            var weights = model.Layer(layer);
            return new ManagedMoEEngine(weights.Spec, new TrackedParts(weights, weights.Spec, progress, cancellation), threads, precision);
        }
    }

    extension(LinearGate)
    {
        /// <summary>The router of a published model's layer; its experts need not be there.</summary>
        /// <param name="folder">The folder with <c>config.json</c> and the safetensors files.</param>
        /// <param name="layer">The number of a mixture-of-experts layer.</param>
        /// <exception cref="InvalidDataException">A file is damaged, or weights and configuration do not agree: all tensors in question are named.</exception>
        /// <exception cref="IOException">A file is missing or cannot be read.</exception>
        /// <exception cref="ArgumentOutOfRangeException">The model has no such layer, or it is dense.</exception>
        public static LinearGate FromPretrained(string folder, int layer)
        {
            using var model = HuggingFaceCheckpoint.Open(folder);
            return model.Router(layer);
        }
    }
}
