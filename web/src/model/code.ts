/**
 * What is shown as a line of Python and as a command, which give the same probabilities. Labels are not
 * in them: those of a link from somewhere else could break out of a comment.
 */
import { RULES } from "../math/engines";
import { numberText } from "../text/format";
import type { State } from "./state";

/** A line, and whether it reads the CSV file of the page, because the logits are too many for it. */
export interface Line {
  readonly text: string;
  readonly readsFile: boolean;
}

const PACKAGE = "thermoscope";
/** Its usual short name in Python. */
const ALIAS = "ts";
/** Longer lines are no longer read by anyone. */
const LONGEST = 2000;

/**
 * Python with its import, for a cell or a prompt.
 *
 * @param file - the name of the CSV file that the page offers
 */
export function pythonLine(state: State, file: string): Line {
  const { logits, seed, temperature, truncation } = state;
  const options = Object.entries(truncation).map(([name, value]) => {
    if (typeof value !== "number" || name === "top_k") return `${name}=${JSON.stringify(value)}`;
    return `${name}=${pythonFloat(value)}`;
  });
  const isTruncated = options.length > 0;
  const call = (row: string) => {
    const given = [row, pythonFloat(temperature), ...options].join(", ");
    const name = isTruncated ? "truncate" : "softmax";
    return `import ${PACKAGE} as ${ALIAS}\n${ALIAS}.${name}(${given})`;
  };
  if (seed !== null) {
    return {
      text: call(`${ALIAS}.random_logits(${logits.length}, seed=${seed})`),
      readsFile: false,
    };
  }
  return shortEnough(
    logits,
    () => call(`[${Array.from(logits, pythonFloat).join(", ")}]`),
    () => call(`${ALIAS}.read_logits(${JSON.stringify(file)}, columns="logit")`),
  );
}

/**
 * A command for a POSIX shell.
 *
 * @param file - the name of the CSV file that the page offers
 */
export function commandLine(state: State, file: string): Line {
  const { logits, temperature, truncation } = state;
  const options = [`-T ${numberText(temperature)}`];
  for (const rule of RULES) {
    const value = truncation[rule];
    // A value below 0 would look like an option without the "=".
    if (value !== undefined) options.push(`--${dashed(rule)}=${numberText(value)}`);
  }
  const { engine, order, ties } = truncation;
  if (engine !== undefined) options.push(`--engine ${quoted(engine)}`);
  if (order !== undefined) options.push(`--order ${order.map(dashed).join()}`);
  if (ties !== undefined) options.push(`--ties ${ties}`);
  const call = (row: string) => [PACKAGE, "softmax", row, ...options].join(" ");
  return shortEnough(
    logits,
    () => call(Array.from(logits, numberText).join(" ")),
    () => call(`${quoted(file)} --columns=logit`),
  );
}

function shortEnough(logits: Float64Array, whole: () => string, fromFile: () => string): Line {
  const text = logits.length < LONGEST ? whole() : "";
  const fits = text !== "" && text.length <= LONGEST;
  return fits ? { text, readsFile: false } : { text: fromFile(), readsFile: true };
}

/** A float64 in Python, with a point or an exponent: whole numbers of any size would be integers. */
function pythonFloat(value: number): string {
  const text = numberText(value);
  if (!Number.isFinite(value)) return `float("${text}")`;
  return /[.e]/.test(text) ? text : `${text}.0`;
}

function dashed(step: string): string {
  return step.replaceAll("_", "-");
}

/** A word for a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A name that says what is in a file, without what shells and file systems treat as special. */
export function fileName({ logits, seed, source, temperature }: State, ending: string): string {
  const origin =
    seed === null
      ? (source ?? "").replace(/\.\w+$/, "").replace(/[^\p{L}\p{N}._-]+/gu, "-")
      : `random-${logits.length}-seed-${seed}`;
  const named = origin === "" || source === "given" ? "" : `-${origin.slice(0, 40)}`;
  return `softmax${named}-T-${numberText(temperature)}.${ending}`;
}
