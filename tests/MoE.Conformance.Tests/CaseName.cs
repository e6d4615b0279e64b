using Xunit.Abstractions;

namespace MoE.Conformance;

/// <summary>The name of a row. A type of its own, because xunit cuts strings in names of test cases.</summary>
public sealed class CaseName : IXunitSerializable
{
    /// <summary>For the deserialiser.</summary>
    public CaseName()
    {
    }

    /// <summary>Wraps a name.</summary>
    public CaseName(string text) => Text = text;

    /// <summary>The name.</summary>
    public string Text { get; private set; } = "";

    /// <inheritdoc/>
    public void Serialize(IXunitSerializationInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        info.AddValue(nameof(Text), Text);
    }

    /// <inheritdoc/>
    public void Deserialize(IXunitSerializationInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);
        Text = info.GetValue<string>(nameof(Text));
    }

    /// <inheritdoc/>
    public override string ToString() => Text;
}
