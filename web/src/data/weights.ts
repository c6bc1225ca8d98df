/**
 * The file of a language model, as `tools/novel/model_file.py` describes and writes it: one gzip stream, of
 * a line of JSON and of numbers. The checksum of gzip finds damage.
 */

import { Tokenizer } from "../math/tokenizer";
import {
  LAYER_MATRICES,
  type Layer,
  type Matrix,
  type Session,
  type Sizes,
  shapeOf,
  Transformer,
} from "../math/transformer";
import { modelStrings } from "../text/strings";
import { ReadError } from "./content";

const { file: texts } = modelStrings;

const FORMAT = "thermoscope-language-model-1";
const BYTES = 256;
const LARGEST = 2 ** 16;

/** A model with its tokenizer: all that it takes to write. */
export interface LanguageModel {
  /** What it was trained on. */
  readonly title: string;
  readonly sizes: Sizes;
  readonly tokenizer: Tokenizer;
  /** An empty text. Sessions don't depend on each other. */
  session(): Session;
}

/** Reads the file of a language model. */
export async function openModel(file: Uint8Array<ArrayBuffer>): Promise<LanguageModel> {
  if (file[0] !== 0x1f || file[1] !== 0x8b) throw new ReadError(texts.none);
  const content = await unzipped(file);
  const lineEnd = content.indexOf(0x0a);
  const header = readHeader(new TextDecoder().decode(content.subarray(0, Math.max(0, lineEnd))));
  const { epsilon, ropeBase, sizes, title } = header;
  const { layers, vocabulary, width } = sizes;

  const view = new DataView(content.buffer, content.byteOffset + lineEnd + 1);
  let place = 0;
  const floats = (count: number) => {
    const numbers = Float32Array.from({ length: count }, (_, at) =>
      view.getFloat32(place + 4 * at, true),
    );
    place += 4 * count;
    return numbers;
  };
  const shapes = [
    [vocabulary, width] as const,
    ...Array.from({ length: layers }, () =>
      LAYER_MATRICES.map((name) => shapeOf(name, sizes)),
    ).flat(),
  ];
  const norms = 2 * layers + 1;
  const wanted = shapes.reduce(
    (sum, [rows, columns]) => sum + rows * (4 + columns),
    4 * (vocabulary - BYTES) + 4 * norms * width,
  );
  if (view.byteLength !== wanted) throw new ReadError(texts.length(wanted, view.byteLength));

  const merges = new Uint16Array(2 * (vocabulary - BYTES));
  for (let at = 0; at < merges.length; at++, place += 2) {
    merges[at] = view.getUint16(place, true);
    if (merges[at]! >= BYTES + (at >> 1)) throw new ReadError(texts.merge(at >> 1, merges[at]!));
  }
  const gains = Array.from({ length: norms }, () => floats(width));
  const scales = shapes.map(([rows]) => floats(rows));
  const matrices = shapes.map(([rows, columns], at): Matrix => {
    const start = view.byteOffset + place;
    place += rows * columns;
    const entries = new Int8Array(content.buffer, start, rows * columns);
    return { rows, columns, scales: scales[at]!, entries };
  });
  const [embedding, ...others] = matrices as [Matrix, ...Matrix[]];
  const transformer = new Transformer({
    sizes,
    ropeBase,
    epsilon,
    embedding,
    layers: Array.from({ length: layers }, (_, layer) => {
      const first = layer * LAYER_MATRICES.length;
      return {
        ...Object.fromEntries(LAYER_MATRICES.map((name, at) => [name, others[first + at]!])),
        attention: gains[2 * layer]!,
        forward: gains[2 * layer + 1]!,
      } as Layer;
    }),
    last: gains[norms - 1]!,
  });
  return { title, sizes, tokenizer: new Tokenizer(merges), session: () => transformer.session() };
}

async function unzipped(file: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([file]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new ReadError(texts.damaged);
  }
}

function readHeader(line: string) {
  let header: Record<string, unknown> = {};
  try {
    header = Object(JSON.parse(line));
  } catch {
    // What is no JSON has no format either.
  }
  const { epsilon, format, ropeBase, sizes: given, title } = header;
  if (format !== FORMAT) throw new ReadError(texts.format(FORMAT, format));
  const found = Object(given) as Record<keyof Sizes, unknown>;
  const size = (name: keyof Sizes, least: number, multiple: number): number => {
    const value = found[name];
    const isWhole = typeof value === "number" && Number.isInteger(value);
    if (!isWhole || value < least || value > LARGEST || value % multiple !== 0) {
      throw new ReadError(texts.size(name, least, LARGEST, multiple, value));
    }
    return value;
  };
  const heads = size("heads", 1, 1);
  const sizes: Sizes = {
    vocabulary: size("vocabulary", BYTES, 1),
    // The entries of a head rotate in pairs.
    width: size("width", 2, 2 * heads),
    layers: size("layers", 1, 1),
    heads,
    feedForward: size("feedForward", 1, 1),
    // Half of it is dropped at a time.
    context: size("context", 2, 2),
  };
  const number = (name: string, value: unknown): number => {
    if (typeof value !== "number" || !(value > 0)) throw new ReadError(texts.number(name, value));
    return value;
  };
  return {
    title: String(title),
    sizes,
    epsilon: number("epsilon", epsilon),
    ropeBase: number("ropeBase", ropeBase),
  };
}
