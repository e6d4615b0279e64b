using MoE.Onnx;
using MoE.Samples.Commands;
using MoE.Samples.Digits;
using MoE.Samples.Papers.Quickstart;
using MoE.Torch;
using TorchSharp;

namespace MoE.Samples.Tests.Commands;

public sealed class ServeVerbTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_trained_layer_is_served_in_every_form_with_torchs_numbers()
    {
        var outcome = Shell.Run("serve", "--epochs", "2", "--calls", "100", "--opset", "17", "--out", _folder.Path);
        Assert.True(outcome.ExitCode == ExitCode.Ran, outcome.Error + outcome.Output);
        string[] forms = ["portable", "loop", "contrib", "qmoe-int8", "qmoe-int4"];
        Assert.Equal(forms.Select(f => $"digits.{f}.onnx").Order(StringComparer.Ordinal), Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        string[] lines = outcome.Output.Split('\n');
        Assert.All((string[])["managed", "onnx portable", "onnx loop", "onnx contrib"], name => Assert.Contains(lines, l => l.StartsWith(name, StringComparison.Ordinal) && l.Contains(" yes ", StringComparison.Ordinal)));
        Assert.All((string[])["onnx qmoe-int8", "onnx qmoe-int4"], name => Assert.Contains(lines, l => l.StartsWith(name, StringComparison.Ordinal) && l.Contains(" routing ", StringComparison.Ordinal)));

        // What lies there is the layer, whoever opens it.
        foreach (string form in forms)
        {
            using var served = OnnxMoELayer.Load(Path.Combine(_folder.Path, $"digits.{form}.onnx"));
            Assert.Equal(MoEClassifier.Spec, served.Spec);
            Assert.True(served.HasRouting);
        }
    }

    [Fact]
    public void Bad_options_are_refused()
    {
        foreach (string[] bad in (string[][])[["--opset", "16"], ["--opset", "22"], ["--epochs", "0"], ["--calls", "1"], ["--seed", "-1"], ["--form", "x"]])
        {
            var outcome = Shell.Run(["serve", .. bad, "--out", _folder.Path]);
            Assert.Equal(ExitCode.Usage, outcome.ExitCode);
            Assert.Contains(bad[0], outcome.Error, StringComparison.Ordinal);
        }

        string taken = Path.Combine(_folder.Path, "taken");
        File.WriteAllText(taken, "");
        Assert.Equal(ExitCode.Usage, Shell.Run("serve", "--epochs", "1", "--calls", "100", "--out", taken).ExitCode);
    }

    [Fact]
    public void Stopped_it_says_so()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.Equal(ExitCode.Cancelled, Shell.Run(Catalogue.All, stop.Token, "serve", "--out", _folder.Path).ExitCode);
        Assert.Empty(Directory.EnumerateFiles(_folder.Path));
    }

    [Fact]
    public void A_layer_with_other_weights_is_not_taken_for_equal()
    {
        // The verb's judge, with something to find: the torch layer is not the one that was exported.
        torch.manual_seed(3);
        using var one = new MoELayer(MoEClassifier.Spec);
        using var other = new MoELayer(MoEClassifier.Spec);
        string path = Path.Combine(_folder.Path, "one.onnx");
        OnnxExporter.Export(MoEClassifier.Spec, one.export_weights(), path);
        using var served = OnnxMoELayer.Load(path);
        using TorchMoEEngine same = new(one), different = new(other);
        var given = new OnnxVerifyOptions { Given = new float[DigitImages.Size] };
        Assert.True(OnnxVerifier.Verify(served, same, one.export_weights(), given).Passed);
        Assert.False(OnnxVerifier.Verify(served, different, other.export_weights(), given).Passed);
    }
}
