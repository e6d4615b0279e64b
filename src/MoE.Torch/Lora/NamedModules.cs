using TorchSharp;

namespace MoE.Torch;

/// <summary>Modules by name, that can be added at any time and appear in the state at once (the tensor library's own dictionary is read once, when its owner registers it).</summary>
internal sealed class NamedModules<T> : torch.nn.Module
    where T : torch.nn.Module
{
    private readonly Dictionary<string, T> _items = new(StringComparer.Ordinal);

    public NamedModules()
        : base(nameof(NamedModules<T>))
    {
    }

    public T this[string name] => _items[name];

    public void Add(string name, T module)
    {
        _items.Add(name, module);
        register_module(name, module);
    }
}
