Console.WriteLine("MoE");
