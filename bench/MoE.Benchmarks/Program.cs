Console.WriteLine("MoE benchmarks");
