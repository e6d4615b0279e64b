using System.Text;
using System.Text.Json;

namespace MoE.Checkpoints;

/// <summary>The files of a PEFT folder: names, limits, and JSON that is hostile until parsed.</summary>
internal static class PeftFile
{
    public const string Config = "adapter_config.json", Weights = "adapter_model.safetensors";

    /// <summary>What PEFT puts in front of the path of every layer.</summary>
    public const string Prefix = "base_model.model.";

    public const int MaxBytes = 4 << 20, MaxDepth = 32;

    /// <summary>The text of a file of limited length.</summary>
    public static string ReadText(string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[Math.Min(file.Length, MaxBytes) + 1];
        int read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        if (read > MaxBytes) throw new InvalidDataException($"{path} is longer than {MaxBytes} bytes");
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.AsSpan(0, read)).TrimStart('﻿');
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{path} is not UTF-8 text", e);
        }
    }

    /// <summary>Parses an object of a known <c>peft_type</c>, or of none.</summary>
    public static T Parse<T>(string json, string? peftType, Func<JsonElement, T> read, string name = Config)
    {
        ArgumentNullException.ThrowIfNull(json);
        if (json.Length > MaxBytes) throw new InvalidDataException($"{name} is longer than {MaxBytes} bytes");
        try
        {
            // By way of bytes: a lone surrogate in the text becomes a replacement character instead of an exception of the encoder.
            using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(json), new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{name} is {document.RootElement.ValueKind}; must be an object");
            if (peftType is not null) new ConfigReader(document.RootElement, "").Require("peft_type", peftType, name);
            return read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{name} is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>Writes an indented object.</summary>
    public static string ToJson(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    /// <summary>Writes a text under its name only when it is complete.</summary>
    public static void WriteText(string path, string text)
    {
        using var file = new ReplacementFile(path);
        file.Stream.Write(Encoding.UTF8.GetBytes(text));
        file.Commit();
    }
}
