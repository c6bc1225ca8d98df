/**
 * A small language model: a transformer of Llama's architecture, evaluated token by token with the keys and
 * values of earlier tokens kept. `tools/novel/reference.py` is the same in NumPy, and a test holds both to
 * llama.cpp.
 *
 * Weights stay the 8 bits that they are in the file: expanded to float32 they take four times the memory,
 * and are no faster. Everything else is float64, as all numbers of the page.
 */

/** What the shapes of the weights follow from. */
export interface Sizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForward: number;
  /** How many tokens the model can see. */
  readonly context: number;
}

/** A matrix of 8 bits: an entry is its whole number times the scale of its row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly scales: Float32Array;
  /** Row by row. */
  readonly entries: Int8Array;
}

export const LAYER_MATRICES = ["query", "key", "value", "output", "gate", "up", "down"] as const;

export interface Layer extends Readonly<Record<(typeof LAYER_MATRICES)[number], Matrix>> {
  /** The gains of the norms before attention and before the feed-forward network. */
  readonly attention: Float32Array;
  readonly forward: Float32Array;
}

export interface Weights {
  readonly sizes: Sizes;
  readonly ropeBase: number;
  /** What norms add to the mean square. */
  readonly epsilon: number;
  /** A row for each token; its product with the last hidden state makes the logits too. */
  readonly embedding: Matrix;
  readonly layers: readonly Layer[];
  /** The gains of the last norm. */
  readonly last: Float32Array;
}

/** The shapes of the matrices of a layer, as rows and columns. */
export function shapeOf(name: (typeof LAYER_MATRICES)[number], sizes: Sizes): [number, number] {
  const { feedForward, width } = sizes;
  if (name === "gate" || name === "up") return [feedForward, width];
  return name === "down" ? [width, feedForward] : [width, width];
}

/**
 * Where the tokens that are seen begin, in a text of `length` tokens.
 *
 * Once the context is full, its first half is dropped, and the second is evaluated anew from position 0. So
 * the logits depend on the text alone, not on how it came about, and most tokens cost one evaluation.
 */
export function windowStart(length: number, context: number): number {
  const half = context / 2;
  return Math.max(0, Math.ceil((length - context) / half)) * half;
}

/** result[row] = matrix[row] · x, or with `adds`, added to it. */
function multiply(matrix: Matrix, x: Float64Array, result: Float64Array, adds = false): void {
  const { columns, entries, rows, scales } = matrix;
  const put = (row: number, sum: number) => {
    const product = scales[row]! * sum;
    result[row] = adds ? result[row]! + product : product;
  };
  let row = 0;
  // Four rows at a time: x is read once for them, and no sum waits for another.
  for (; row + 4 <= rows; row += 4) {
    const first = row * columns;
    const second = first + columns;
    const third = second + columns;
    const fourth = third + columns;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let column = 0; column < columns; column++) {
      const factor = x[column]!;
      a += entries[first + column]! * factor;
      b += entries[second + column]! * factor;
      c += entries[third + column]! * factor;
      d += entries[fourth + column]! * factor;
    }
    put(row, a);
    put(row + 1, b);
    put(row + 2, c);
    put(row + 3, d);
  }
  for (; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) {
      sum += entries[row * columns + column]! * x[column]!;
    }
    put(row, sum);
  }
}

/** The weights, with room to compute in. */
export class Transformer {
  /** The hidden state of the token that was evaluated last. */
  readonly #x: Float64Array;
  readonly #h: Float64Array;
  readonly #query: Float64Array;
  readonly #mixed: Float64Array;
  readonly #scores: Float64Array;
  readonly #gate: Float64Array;
  readonly #up: Float64Array;
  /** By position and pair of a head's entries. */
  readonly #cos: Float64Array;
  readonly #sin: Float64Array;

  constructor(readonly weights: Weights) {
    const { context, feedForward, heads, width } = weights.sizes;
    [this.#x, this.#h, this.#query, this.#mixed] = Array.from(
      { length: 4 },
      () => new Float64Array(width),
    ) as [Float64Array, Float64Array, Float64Array, Float64Array];
    this.#scores = new Float64Array(context);
    this.#gate = new Float64Array(feedForward);
    this.#up = new Float64Array(feedForward);
    const pairs = width / heads / 2;
    const angles = Float64Array.from(
      { length: context * pairs },
      (_, at) => Math.floor(at / pairs) * weights.ropeBase ** (-(at % pairs) / pairs),
    );
    this.#cos = angles.map(Math.cos);
    this.#sin = angles.map(Math.sin);
  }

  /** An empty text. */
  session(): Session {
    return new Session(this);
  }

  /**
   * Evaluates a token, whose keys and values go to the cache at its position.
   *
   * @param isLast - whether its logits may be asked for: of the last layer, others need only these two
   */
  evaluate(token: number, position: number, cache: Cache, isLast: boolean): void {
    const { embedding, layers, sizes } = this.weights;
    const { width } = sizes;
    const x = this.#x;
    const gate = this.#gate;
    const up = this.#up;
    const scale = embedding.scales[token]!;
    for (let i = 0; i < width; i++) x[i] = embedding.entries[token * width + i]! * scale;
    layers.forEach((layer, at) => {
      const { keys, values } = cache[at]!;
      const here = position * width;
      const key = keys.subarray(here, here + width);
      this.#norm(layer.attention);
      multiply(layer.key, this.#h, key);
      multiply(layer.value, this.#h, values.subarray(here, here + width));
      this.#rotate(key, position);
      if (!isLast && at === layers.length - 1) return;
      multiply(layer.query, this.#h, this.#query);
      this.#rotate(this.#query, position);
      this.#attend(keys, values, position);
      multiply(layer.output, this.#mixed, x, true);
      this.#norm(layer.forward);
      multiply(layer.gate, this.#h, gate);
      multiply(layer.up, this.#h, up);
      for (let i = 0; i < gate.length; i++) up[i]! *= gate[i]! / (1 + Math.exp(-gate[i]!));
      multiply(layer.down, up, x, true);
    });
  }

  /** The logits after the token that was evaluated last. */
  logits(): Float64Array {
    const { embedding, last } = this.weights;
    this.#norm(last);
    const logits = new Float64Array(embedding.rows);
    multiply(embedding, this.#h, logits);
    return logits;
  }

  /** The hidden state, divided by its root mean square. */
  #norm(gains: Float32Array): void {
    const x = this.#x;
    const h = this.#h;
    let squares = 0;
    for (let i = 0; i < x.length; i++) squares += x[i]! * x[i]!;
    const scale = 1 / Math.sqrt(squares / x.length + this.weights.epsilon);
    for (let i = 0; i < x.length; i++) h[i] = x[i]! * scale * gains[i]!;
  }

  /** Rotary positions: each pair of neighbours turns by an angle of its own. */
  #rotate(x: Float64Array, position: number): void {
    const { heads, width } = this.weights.sizes;
    const pairs = width / heads / 2;
    const cosines = this.#cos;
    const sines = this.#sin;
    for (let i = 0; i < width; i += 2) {
      const angle = position * pairs + ((i / 2) % pairs);
      const cos = cosines[angle]!;
      const sin = sines[angle]!;
      const first = x[i]!;
      const second = x[i + 1]!;
      x[i] = first * cos - second * sin;
      x[i + 1] = first * sin + second * cos;
    }
  }

  /** The values up to a position, mixed by the softmax of their keys' products with the query. */
  #attend(keys: Float64Array, values: Float64Array, position: number): void {
    const { heads, width } = this.weights.sizes;
    const size = width / heads;
    const scale = 1 / Math.sqrt(size);
    const query = this.#query;
    const mixed = this.#mixed;
    const scores = this.#scores;
    mixed.fill(0);
    for (let head = 0; head < width; head += size) {
      let highest = -Infinity;
      for (let at = 0; at <= position; at++) {
        let score = 0;
        for (let i = head; i < head + size; i++) score += query[i]! * keys[at * width + i]!;
        scores[at] = score * scale;
        highest = Math.max(highest, scores[at]!);
      }
      let sum = 0;
      for (let at = 0; at <= position; at++) {
        scores[at] = Math.exp(scores[at]! - highest);
        sum += scores[at]!;
      }
      for (let at = 0; at <= position; at++) {
        const part = scores[at]! / sum;
        for (let i = head; i < head + size; i++) mixed[i]! += part * values[at * width + i]!;
      }
    }
  }
}

/** The keys and values of each layer, by position. */
type Cache = readonly { readonly keys: Float64Array; readonly values: Float64Array }[];

/** A text that grows and is cut, with the logits of the token that follows it. */
export class Session {
  readonly #tokens: number[] = [];
  readonly #cache: Cache;
  /** Where the tokens in the cache begin in the text, and how many they are. */
  #start = 0;
  #cached = 0;

  constructor(private readonly transformer: Transformer) {
    const { context, layers, width } = transformer.weights.sizes;
    this.#cache = Array.from({ length: layers }, () => ({
      keys: new Float64Array(context * width),
      values: new Float64Array(context * width),
    }));
  }

  get tokens(): readonly number[] {
    return this.#tokens;
  }

  /** Adds tokens to the text, and returns the logits of the next one. */
  append(tokens: readonly number[]): Float64Array {
    this.add(tokens);
    return this.logits();
  }

  /** Adds tokens to the text, which are evaluated later. */
  add(tokens: readonly number[]): void {
    const { vocabulary } = this.transformer.weights.sizes;
    for (const token of tokens) {
      if (!Number.isInteger(token) || token < 0 || token >= vocabulary) {
        throw new RangeError(`a token must be 0 to ${vocabulary - 1}, got ${token}`);
      }
    }
    for (const token of tokens) this.#tokens.push(token);
  }

  /** Cuts the text back to its first `length` tokens. */
  cut(length: number): void {
    if (!Number.isInteger(length) || length < 0 || length > this.#tokens.length) {
      throw new RangeError(`length must be 0 to ${this.#tokens.length}, got ${length}`);
    }
    this.#tokens.length = length;
    this.#cached = Math.min(this.#cached, Math.max(0, length - this.#start));
  }

  /**
   * Evaluates what the cache lacks, but for the last token, until it is time to stop; returns whether
   * nothing is left: then `logits` evaluates a single token.
   */
  prepare(isTime: () => boolean): boolean {
    const tokens = this.#tokens;
    const start = windowStart(tokens.length, this.transformer.weights.sizes.context);
    if (start !== this.#start) this.#cached = 0;
    this.#start = start;
    for (; start + this.#cached < tokens.length - 1; this.#cached++) {
      if (isTime()) return false;
      this.#evaluate(this.#cached);
    }
    return true;
  }

  /** The logits of the next token. What the cache has already is not evaluated again. */
  logits(): Float64Array {
    if (this.#tokens.length === 0) throw new RangeError("a text must have a token, got none");
    this.prepare(() => false);
    // The last token is always evaluated: its hidden state makes the logits, and is not in the cache.
    const last = this.#tokens.length - 1 - this.#start;
    this.#evaluate(last);
    this.#cached = last + 1;
    return this.transformer.logits();
  }

  #evaluate(position: number): void {
    const at = this.#start + position;
    const isLast = at === this.#tokens.length - 1;
    this.transformer.evaluate(this.#tokens[at]!, position, this.#cache, isLast);
  }
}
