using System.Globalization;
using MoE.Samples.Data.Readers;

namespace MoE.Samples.Data.Sets;

/// <summary>A question of bAbI: the story so far, the question, the answer, in lower-case words.</summary>
/// <param name="Story">One list of words per sentence.</param>
/// <param name="Question">Words.</param>
/// <param name="Answer">A word, or several between commas.</param>
public sealed record BabiQuestion(IReadOnlyList<IReadOnlyList<string>> Story, IReadOnlyList<string> Question, string Answer);

/// <summary>bAbI, English, 1,000 questions per task and part: the six tasks that are read here.</summary>
public static class Babi
{
    private const int MaxLines = 100_000, MaxLine = 1000;
    private const string Address = "https://raw.githubusercontent.com/diixo/bAbi-tasks-with-transformer-model/ef2bdcb7d297d83097983b27c79336558fe06a94/datasets/tasks_1-20_v1-2/en/";

    /// <summary>The data set.</summary>
    public static DataSet Set { get; } = new(
        "babi-en-1k",
        "6 of the 20 bAbI tasks, English, 1,000 training and 1,000 test questions each",
        "CC BY 3.0",
        "J. Weston et al. (2015): Towards AI-Complete Question Answering. arXiv 1502.05698",
        DataKind.Original,
        [
            new("qa1_single-supporting-fact_train.txt", 94346, "c64ba9b1a49bbb111ffc4cd2ae4f129d25c012399dd7ade9679eea464b9afb05", new Uri(Address + "qa1_single-supporting-fact_train.txt")),
            new("qa1_single-supporting-fact_test.txt", 94477, "55acf66cef2f6d798e2aa1d056e1ec8f24e910ea9215b639450574321132959b", new Uri(Address + "qa1_single-supporting-fact_test.txt")),
            new("qa4_two-arg-relations_train.txt", 117470, "c9370502d85fa382f32d1fea2111e817f81ae9e3e79eb2924a1a5392a90417fa", new Uri(Address + "qa4_two-arg-relations_train.txt")),
            new("qa4_two-arg-relations_test.txt", 117394, "07f0ca18ddeea9eed4ba6d59e162adcb0ce44815721114b3540d92825509331e", new Uri(Address + "qa4_two-arg-relations_test.txt")),
            new("qa12_conjunction_train.txt", 114560, "45c2764bb2d3c8f699d35e9d9aa7958fcd96379c6e907116cdf74526c108bb25", new Uri(Address + "qa12_conjunction_train.txt")),
            new("qa12_conjunction_test.txt", 114489, "6437718f8f9801ce345869e910b896836cdc6fd2d01dc7b4d2df49730703b4b1", new Uri(Address + "qa12_conjunction_test.txt")),
            new("qa11_basic-coreference_train.txt", 104520, "9468de9a1f256f43dfda693a5d07182d21149a82b65f7c2451c64e9cff5eb138", new Uri(Address + "qa11_basic-coreference_train.txt")),
            new("qa11_basic-coreference_test.txt", 104800, "46f3290d0158ce1285a40cd2d793f5a65f86ae5000226e165cbc85a3dfeb2f6f", new Uri(Address + "qa11_basic-coreference_test.txt")),
            new("qa13_compound-coreference_train.txt", 116516, "533a391edbda743e4c99504de88b40cdded5b1d5ef454d1390f0863f748a4cc9", new Uri(Address + "qa13_compound-coreference_train.txt")),
            new("qa13_compound-coreference_test.txt", 116444, "76a25b684f23c9cc473d8cd1465506168b9a1ec8891cfc59d0bbd87e6a064990", new Uri(Address + "qa13_compound-coreference_test.txt")),
            new("qa14_time-reasoning_train.txt", 152131, "b7561cbc624205c9c2fdbb8c843cfa8ad90edd65e78bb223fc6dea8113662df8", new Uri(Address + "qa14_time-reasoning_train.txt")),
            new("qa14_time-reasoning_test.txt", 151420, "e3f0b19858ffbec3ed1e49076cc4d1295a89ce146c50318b862f13f202b3caf2", new Uri(Address + "qa14_time-reasoning_test.txt")),
        ],
        "github.com/diixo/bAbi-tasks-with-transformer-model (commit ef2bdcb), datasets/tasks_1-20_v1-2/en");

    /// <summary>Reads a task.</summary>
    /// <param name="folders">Where data sets lie.</param>
    /// <param name="task">Its number.</param>
    /// <param name="train">Which part.</param>
    /// <exception cref="Frame.MissingDataException">It is not there.</exception>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static IReadOnlyList<BabiQuestion> Load(DataFolders folders, int task, bool train)
    {
        var file = Set.Files.First(f => f.Name.StartsWith($"qa{task}_", StringComparison.Ordinal) && f.Name.EndsWith(train ? "_train.txt" : "_test.txt", StringComparison.Ordinal));
        return folders.Read(Set, file.Name, Read);
    }

    /// <summary>Lines with a number that starts a story at 1; a question has its answer and its evidence behind tabs.</summary>
    /// <exception cref="InvalidDataException">A line is not what it must be; the message names it.</exception>
    public static IReadOnlyList<BabiQuestion> Read(Stream stream)
    {
        var questions = new List<BabiQuestion>();
        var story = new List<IReadOnlyList<string>>();
        int number = 0;
        foreach (string line in TextLines.Read(stream, MaxLines, MaxLine))
        {
            number++;
            int space = line.IndexOf(' ');
            if (space < 1 || !int.TryParse(line.AsSpan(0, space), NumberStyles.None, CultureInfo.InvariantCulture, out int place)) throw new InvalidDataException($"line {number}: must begin with a number and a blank");
            if (place == 1) story.Clear();
            string[] fields = line[(space + 1)..].Split('\t');
            if (fields.Length == 1) story.Add(Words(fields[0]));
            else questions.Add(new([.. story], Words(fields[0]), fields[1].Trim().ToLowerInvariant()));
        }

        return questions.Count > 0 ? questions : throw new InvalidDataException("no questions");
    }

    private static string[] Words(string sentence) => sentence.ToLowerInvariant().Split([' ', '.', '?', ','], StringSplitOptions.RemoveEmptyEntries);
}
