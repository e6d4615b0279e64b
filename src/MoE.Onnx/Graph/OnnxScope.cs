namespace MoE.Onnx;

/// <summary>The value names of one graph, inside those of the graphs around it.</summary>
internal sealed class OnnxScope(OnnxScope? around)
{
    private readonly HashSet<string> _defined = new(StringComparer.Ordinal);
    private readonly HashSet<string> _promised = new(StringComparer.Ordinal);

    /// <summary>Announces values that nodes of this graph will define, so that inner graphs cannot take their names.</summary>
    public void Promise(IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (!string.IsNullOrEmpty(name)) _promised.Add(name);
        }
    }

    /// <summary>Defines a value; false if its name is taken here or around.</summary>
    public bool Define(string name)
    {
        bool fresh = _defined.Add(name);
        return fresh && around?.IsTaken(name) != true;
    }

    public bool IsOwn(string name) => _defined.Contains(name);

    public bool IsDefined(string name) => _defined.Contains(name) || around?.IsDefined(name) == true;

    public bool IsPromised(string name) => _promised.Contains(name) || around?.IsPromised(name) == true;

    private bool IsTaken(string name) => _defined.Contains(name) || _promised.Contains(name) || around?.IsTaken(name) == true;
}
