import {
  attribute,
  elementType,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from '../engines/onnx-proto.js';
import { floatToHalf } from '../half.js';

const cast = (from: string, to: string, type: number): OnnxNode => ({
  name: to,
  opType: 'Cast',
  input: [from],
  output: [to],
  attribute: [attribute.int('to', type)],
});

/** A tensor of floats as halves, under a name of its own. */
function halved({ name, dims, rawData }: OnnxTensor): OnnxTensor {
  const floats = new Float32Array(rawData.slice().buffer);
  const halves = Uint16Array.from(floats, floatToHalf);
  return { name: `${name}/half`, dims, dataType: elementType.half, rawData: new Uint8Array(halves.buffer) };
}

/** Whether an op keeps its floats: norms sum over a whole picture, and the scales of Resize are floats by definition. */
const isWide = ({ opType }: OnnxNode) => opType === 'InstanceNormalization';
const staysFloat = ({ opType }: OnnxNode, place: number) =>
  opType === 'InstanceNormalization' || (opType === 'Resize' && place > 0);

/**
 * A graph whose weights and arithmetic are halves (float16). Inputs and outputs keep their types; instance norms stay
 * floats between two casts, since sums over a picture do not fit into halves.
 */
export function inHalves(graph: OnnxGraph): OnnxGraph {
  const floats = new Map(
    graph.initializer.filter(({ dataType }) => dataType === elementType.float).map((one) => [one.name, one]),
  );
  const inputs = graph.input
    .filter((input) => input.elementType === elementType.float)
    .map(({ name }) => name);
  const outputs = new Set(
    graph.output.filter((output) => output.elementType === elementType.float).map(({ name }) => name),
  );
  const initializers = new Map<string, OnnxTensor>();
  const nodes = inputs.map((name) => cast(name, `${name}/half`, elementType.half));

  /** The tensor that a node reads at a place, in the width that it wants there. */
  const read = (node: OnnxNode, name: string, place: number): string => {
    const constant = floats.get(name);
    if (!constant) return inputs.includes(name) && !staysFloat(node, place) ? `${name}/half` : name;
    const tensor = staysFloat(node, place) ? constant : halved(constant);
    initializers.set(tensor.name, tensor);
    return tensor.name;
  };
  for (const node of graph.node) {
    const [out] = node.output as [string];
    const input = node.input.map((name, place) => read(node, name, place));
    if (isWide(node)) {
      const [x, ...rest] = input as [string, ...string[]];
      nodes.push(cast(x, `${out}/floats`, elementType.float));
      nodes.push({
        ...node,
        name: `${out}/wide`,
        input: [`${out}/floats`, ...rest],
        output: [`${out}/wide`],
      });
      nodes.push(cast(`${out}/wide`, out, elementType.half));
    } else if (outputs.has(out)) {
      const made = node.opType === 'Identity' ? input[0]! : `${out}/half`;
      if (made !== input[0]) nodes.push({ ...node, name: made, input, output: [made] });
      nodes.push(cast(made, out, elementType.float));
    } else if (node.opType === 'Cast' && node.attribute[0]!.i === elementType.float)
      nodes.push(cast(input[0]!, out, elementType.half));
    else nodes.push({ ...node, input });
  }
  const others = graph.initializer.filter(({ name }) => !floats.has(name));
  return { ...graph, node: nodes, initializer: [...others, ...initializers.values()] };
}
