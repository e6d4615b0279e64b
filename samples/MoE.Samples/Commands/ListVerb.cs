using System.CommandLine;
using System.Text.Json.Nodes;
using MoE.Samples.Frame;
using Spectre.Console;

namespace MoE.Samples.Commands;

/// <summary><c>list</c>: what can be run.</summary>
internal sealed class ListVerb(IAnsiConsole console, IReadOnlyList<Reproduction> samples)
{
    /// <summary>The verb.</summary>
    public Command Command()
    {
        var json = new Option<bool>("--json") { Description = "As JSON, with claims and ablations." };
        var command = new Command("list", "Lists the samples.") { json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(json)) console.Profile.Out.Writer.WriteLine(Json());
            else console.Write(Table());
            return ExitCode.Ran;
        });
        return command;
    }

    private Table Table()
    {
        var table = new Table().Border(TableBorder.None);
        foreach (string column in new[] { "id", "what", "--ablate" }) table.AddColumn(new TableColumn($"[dim]{column}[/]") { Padding = new Padding(0, 0, 2, 0) });
        foreach (var sample in samples) table.AddRow(Markup.Escape(sample.Id), Markup.Escape(sample.Title), Markup.Escape(string.Join(", ", sample.Ablations.Select(static a => a.Name))));
        return table;
    }

    private string Json() => ResultJson.Text(new JsonObject
    {
        ["schema"] = 1,
        ["samples"] = new JsonArray([.. samples.Select(static s => new JsonObject
        {
            ["id"] = s.Id,
            ["title"] = s.Title,
            ["paper"] = s.Paper,
            ["data"] = s.Data,
            ["claims"] = new JsonArray([.. s.Claims.Select(Of)]),
            ["controls"] = new JsonArray([.. s.Controls.Select(Of)]),
            ["ablations"] = new JsonArray([.. s.Ablations.Select(static a => new JsonObject
            {
                ["name"] = a.Name, ["effect"] = a.Effect, ["claims"] = new JsonArray([.. a.Claims.Select(static c => JsonValue.Create(c))]),
            })]),
        })]),
    });

    private static JsonObject Of(Claim claim) => new()
    {
        ["id"] = claim.Id,
        ["statement"] = claim.Statement,
        ["unit"] = claim.Unit,
        ["bound"] = ResultJson.Of(claim.Bound),
        ["exact"] = claim.Exact,
    };
}
