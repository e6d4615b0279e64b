#!/usr/bin/env python3
"""Checks exported models with the ONNX project's own checker and shape inference.

    python3 build/check_onnx.py artifacts/serve/*.onnx

Written for Debian's python3-onnx (1.12, which knows opset 17): export with --opset 17. Nodes of com.microsoft are outside
the checker's knowledge; it checks their form and passes over their types.
"""
import sys

import onnx


def nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from nodes(attribute.g)


def shape(value):
    kind = value.type.tensor_type
    return "[" + ", ".join(d.dim_param or (str(d.dim_value) if d.HasField("dim_value") else "?") for d in kind.shape.dim) + "]"


def check(path):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    declared = {o.name: shape(o) for o in model.graph.output}
    # The outputs' shapes are taken away and must come back from the operators alone.
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    found = {o.name: shape(o) for o in inferred.graph.output}
    all_nodes = list(nodes(model.graph))
    foreign = sorted({n.op_type for n in all_nodes if n.domain not in ("", "ai.onnx")})
    imports = ", ".join(f"{i.domain or 'ai.onnx'} {i.version}" for i in model.opset_import)
    print(f"{path}: clean; {imports}; {len(all_nodes)} nodes" + (f", not known to the checker: {', '.join(foreign)}" if foreign else ""))
    for name, want in declared.items():
        print(f"    {name}: declared {want}, inferred {found[name]}")


def main(paths):
    if not paths:
        print(__doc__)
        return 2
    failed = 0
    for path in paths:
        try:
            check(path)
        except Exception as problem:  # whatever the checker throws is a finding
            print(f"{path}: {type(problem).__name__}: {problem}")
            failed += 1
    print(f"onnx {onnx.__version__}: {len(paths) - failed} of {len(paths)} clean")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
