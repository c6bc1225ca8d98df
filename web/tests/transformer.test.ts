/** What a session refuses; its numbers are held to NumPy and llama.cpp by `tests/test_novel.py`. */
import { expect, test } from "vitest";
import { LAYER_MATRICES, type Matrix, shapeOf, Transformer } from "../src/math/transformer";

const sizes = { vocabulary: 5, width: 4, layers: 1, heads: 2, feedForward: 3, context: 4 };

function transformer(): Transformer {
  const matrix = (rows: number, columns: number): Matrix => ({
    rows,
    columns,
    scales: new Float32Array(rows).fill(0.01),
    entries: Int8Array.from({ length: rows * columns }, (_, at) => ((at * 37) % 201) - 100),
  });
  const ones = new Float32Array(4).fill(1);
  const named = LAYER_MATRICES.map((name) => [name, matrix(...shapeOf(name, sizes))]);
  return new Transformer({
    sizes,
    ropeBase: 10,
    epsilon: 1e-5,
    embedding: matrix(5, 4),
    layers: [{ ...Object.fromEntries(named), attention: ones, forward: ones }],
    last: ones,
  });
}

test("a text grows, is cut and grows again, without a trace", () => {
  const session = transformer().session();
  const first = session.append([1, 2]);
  expect(session.append([3, 4, 0, 1])).not.toEqual(first);
  session.cut(2);
  expect(session.tokens).toEqual([1, 2]);
  expect(session.logits()).toEqual(first);
  expect(session.append([])).toEqual(first);
});

test("sessions of one model don't depend on each other", () => {
  const model = transformer();
  const [one, other] = [model.session(), model.session()];
  const logits = one.append([1, 2]);
  other.append([4]);
  expect(one.logits()).toEqual(logits);
});

test("a text that is evaluated in parts has the same logits, also where the window has moved", () => {
  const whole = transformer().session();
  const session = transformer().session();
  for (const tokens of [[1, 2, 3], [4], [0, 1, 2, 3, 4], [2]]) {
    session.add(tokens);
    let stops = 0;
    // One token at a time.
    for (let isTime = true; !session.prepare(() => (isTime = !isTime)); isTime = true) stops++;
    expect(stops).toBeLessThan(4);
    expect(session.logits()).toEqual(whole.append(tokens));
  }
});

test("a token that is none changes nothing", () => {
  const session = transformer().session();
  const logits = session.append([1]);
  for (const token of [5, -1, 0.5, NaN]) {
    expect(() => session.append([2, token])).toThrow(`a token must be 0 to 4, got ${token}`);
  }
  expect(session.tokens).toEqual([1]);
  expect(session.logits()).toEqual(logits);
});

test("an empty text has no logits, and no text is cut to more than it is", () => {
  const session = transformer().session();
  expect(() => session.logits()).toThrow("a text must have a token, got none");
  session.append([1, 2]);
  for (const length of [3, -1, 0.5]) {
    expect(() => session.cut(length)).toThrow(`length must be 0 to 2, got ${length}`);
  }
  session.cut(0);
  expect(() => session.logits()).toThrow("a text must have a token, got none");
});
