import { inputsOf, type NetSpec, type Node } from '../net.js';

/** A node that reads other tensors than before. */
function reading(node: Node, names: ReadonlyMap<string, string>): Node {
  const now = (name: string) => names.get(name) ?? name;
  if (node.op === 'concat') return { ...node, ins: node.ins.map(now) };
  const turned = { ...node, in: now(node.in) };
  return ('with' in turned ? { ...turned, with: now(turned.with) } : turned) as Node;
}

/** Clips to [0, 1] with ops that every net has: 1 - relu(1 - relu(x)). */
function clipping(from: string, to: string): Node[] {
  const step = (name: string) => `${to}/${name}`;
  return [
    { op: 'relu', in: from, out: step('positive') },
    { op: 'affine', in: step('positive'), scale: -1, shift: 1, out: step('mirrored') },
    { op: 'relu', in: step('mirrored'), out: step('clipped') },
    { op: 'affine', in: step('clipped'), scale: -1, shift: 1, out: to },
  ];
}

/** The same net with pictures as floats in [0, 1] instead of bytes, in and out: what most other tools hand around. */
export function withFloatPictures(net: NetSpec): NetSpec {
  const names = new Map<string, string>();
  const makers = new Map(net.nodes.map((node) => [node.out, node]));
  const nodes = net.nodes.flatMap((node): Node[] => {
    if (node.op === 'fromRgb8' && net.inputs.includes(node.in)) {
      names.set(node.out, node.in);
      return [];
    }
    if (node.op !== 'toRgb8')
      return [inputsOf(node).some((name) => names.has(name)) ? reading(node, names) : node];
    if (makers.get(node.in)?.op !== 'sigmoid') return clipping(node.in, node.out);
    names.set(node.out, node.in);
    return [];
  });
  const outputs = Object.entries(net.outputs).map(([name, tensor]) => [name, names.get(tensor) ?? tensor]);
  return { ...net, nodes, outputs: Object.fromEntries(outputs) };
}
