// One thread at a time: TorchSharp's global generator is shared, and it is not safe to train on one thread while another allocates.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
