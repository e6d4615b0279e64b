using TorchSharp;
using static TorchSharp.torch;

namespace MoE.Torch;

/// <summary>The node of <see cref="ManagedExperts"/>. Arguments: bank, routes, x, weights, gate, up, down, gate bias, up bias, down bias; the last six flat.</summary>
internal sealed class ManagedExpertsFunction : autograd.SingleTensorFunction<ManagedExpertsFunction>
{
    private const int Inputs = 8;

    public override string Name => nameof(ManagedExpertsFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        ctx.set_materialize_grads(false);
        var bank = (ManagedExperts)vars[0];
        var routes = (HostRoutes)vars[1];
        var inputs = new Tensor?[Inputs];
        for (int i = 0; i < Inputs; i++) inputs[i] = vars[i + 2] as Tensor;
        bool[] wanted = Array.ConvertAll(inputs, static t => t is { requires_grad: true });
        var x = inputs[0]!;
        long rows = routes.Offsets[^1], f = bank.Spec.Width;
        bool glu = bank.Spec.Form == ExpertForm.Glu;
        var gate = glu ? empty(rows, f) : null;
        var up = empty(rows, f);
        var y = empty(x.shape);
        using (var rented = Workspaces.Rent())
            ExpertTraining.Forward(bank.Spec, TensorMemory.Of(x), Rows(routes, Scales(routes, inputs[1])), Weights(inputs), bank.Width, TensorMemory.Of(gate), TensorMemory.Of(up), TensorMemory.Of(y), rented.Workspace);

        ctx.save_data("bank", bank);
        ctx.save_data("routes", routes);
        ctx.save_data("wanted", wanted);
        ctx.save_data("shapes", Array.ConvertAll(inputs, static t => t?.shape));
        ctx.save_for_backward([.. inputs.Select(static t => t!), gate!, up]);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var bank = (ManagedExperts)ctx.get_data("bank");
        var wanted = (bool[])ctx.get_data("wanted");
        var gradients = new Tensor?[Inputs];
        try
        {
            using var scope = NewDisposeScope();
            // Where nothing arrived, nothing goes on.
            if (!grad_output.IsInvalid && is_grad_enabled()) Compose(ctx, bank, wanted, grad_output, gradients);
            else if (!grad_output.IsInvalid) Compute(ctx, bank, wanted, grad_output, gradients);
        }
        catch (Exception e)
        {
            bank.Failed(e);
            Spoil((long[]?[])ctx.get_data("shapes"), wanted, gradients);
        }

        grad_output.Dispose();
        bank.Returned([.. gradients.OfType<Tensor>()]);
        return [null!, null!, .. gradients.Select(static t => t!)];
    }

    private static void Compute(autograd.AutogradContext ctx, ManagedExperts bank, bool[] wanted, Tensor grad_output, Tensor?[] gradients)
    {
        var routes = (HostRoutes)ctx.get_data("routes");
        var saved = ctx.get_saved_variables();
        var inputs = saved.Take(Inputs).ToArray();
        var dy = grad_output.contiguous();
        for (int i = 0; i < Inputs; i++)
        {
            // Places that no route points to have no gradient: zero.
            if (wanted[i]) gradients[i] = i == 1 ? zeros_like(inputs[i]!) : LargePages.Empty(inputs[i]!.shape);
        }

        float[] scales = Scales(routes, inputs[1]);
        float[] dScales = wanted[1] ? new float[scales.Length] : [];
        var to = new ExpertGradients
        {
            Input = TensorMemory.Of(gradients[0]),
            Scales = dScales,
            Gate = TensorMemory.Of(gradients[2]),
            Up = TensorMemory.Of(gradients[3]),
            Down = TensorMemory.Of(gradients[4]),
            GateBias = TensorMemory.Of(gradients[5]),
            UpBias = TensorMemory.Of(gradients[6]),
            DownBias = TensorMemory.Of(gradients[7]),
        };
        using (var rented = Workspaces.Rent())
            ExpertTraining.Backward(bank.Spec, TensorMemory.Of(inputs[0]), TensorMemory.Of(dy), Rows(routes, scales), Weights(inputs), bank.Width, TensorMemory.Of(saved[Inputs]), TensorMemory.Of(saved[Inputs + 1]), to, rented.Workspace);

        if (wanted[1])
        {
            var weights = TensorMemory.Of(gradients[1]);
            for (int r = 0; r < dScales.Length; r++) weights[routes.Routes[r]] = dScales[r];
        }

        foreach (var tensor in gradients) tensor?.DetachFromDisposeScope();
        GC.KeepAlive(saved);
    }

    // Gradients that have gradients themselves: of the composition of torch operations, made anew.
    private static void Compose(autograd.AutogradContext ctx, ManagedExperts bank, bool[] wanted, Tensor grad_output, Tensor?[] gradients)
    {
        // Views are nodes of their own: the weights come from the tokens, and that way belongs to what lies in front of this one.
        var inputs = ctx.get_saved_variables().Take(Inputs).Select(static t => t?.view_as(t)).ToArray();
        int[] which = [.. Enumerable.Range(0, Inputs).Where(i => wanted[i])];
        if (which.Length == 0) return;
        var y = bank.Composition(inputs, (HostRoutes)ctx.get_data("routes"));
        var found = autograd.grad([y], [.. which.Select(i => inputs[i]!)], [grad_output], retain_graph: true, create_graph: true, allow_unused: true);
        for (int n = 0; n < which.Length; n++) gradients[which[n]] = (found[n] is { IsInvalid: false } g ? g : zeros_like(inputs[which[n]]!)).DetachFromDisposeScope();
    }

    // Gradients that nobody can take for good ones.
    private static void Spoil(long[]?[] shapes, bool[] wanted, Tensor?[] gradients)
    {
        for (int i = 0; i < Inputs; i++)
        {
            gradients[i]?.Dispose();
            gradients[i] = wanted[i] ? full(shapes[i]!, float.NaN).DetachFromDisposeScope() : null;
        }
    }

    private static GroupedRows Rows(HostRoutes routes, float[] scales) => new(routes.Offsets, routes.Tokens, routes.Tokens, scales);

    private static float[] Scales(HostRoutes routes, Tensor? weights)
    {
        if (weights is null) return [];
        var all = TensorMemory.Of(weights);
        float[] scales = new float[routes.Routes.Length];
        for (int r = 0; r < scales.Length; r++) scales[r] = all[routes.Routes[r]];
        return scales;
    }

    private static ExpertTensors Weights(Tensor?[] inputs) => new()
    {
        Gate = TensorMemory.Of(inputs[2]),
        Up = TensorMemory.Of(inputs[3]),
        Down = TensorMemory.Of(inputs[4]),
        GateBias = TensorMemory.Of(inputs[5]),
        UpBias = TensorMemory.Of(inputs[6]),
        DownBias = TensorMemory.Of(inputs[7]),
    };
}
