using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>Experts that are any modules [rows, D] -> [rows, D'], also of different kinds. Registered as <c>items.0</c>, <c>items.1</c>, ...</summary>
public sealed class ModuleExperts : ExpertBank
{
    private readonly ModuleList<nn.Module<Tensor, Tensor>> items;

    /// <summary>Makes a bank; it owns the modules from now on.</summary>
    /// <param name="experts">One module per expert, at least one, all giving the same width.</param>
    public ModuleExperts(IEnumerable<nn.Module<Tensor, Tensor>> experts)
        : this([.. experts ?? throw new ArgumentNullException(nameof(experts))])
    {
    }

    private ModuleExperts(nn.Module<Tensor, Tensor>[] experts)
        : base(nameof(ModuleExperts), experts.Length == 0 ? throw new ArgumentException("experts is empty; must hold at least one module", nameof(experts)) : experts.Length)
    {
        items = new ModuleList<nn.Module<Tensor, Tensor>>(experts);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The number of rows or experts is not that of the segments.</exception>
    public override Tensor forward(Tensor rows_RD, ExpertSegments segments)
    {
        ArgumentNullException.ThrowIfNull(rows_RD);
        CheckSegments(rows_RD, segments);
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        for (int e = 0; e < Experts; e++)
        {
            if (segments.Count(e) > 0) parts.Add(items[e].call(rows_RD.narrow(0, segments.Offset(e), segments.Count(e))));
        }

        // No rows at all: the first module tells the width of the output.
        var rows = parts.Count == 0 ? items[0].call(rows_RD) : cat(parts, 0);
        return rows.MoveToOuterDisposeScope();
    }
}
