import { type Settings, stepsOf } from "../math/engines";
import { brief } from "../text/format";

/** The steps of a sampler in their order, as text; empty if there are none. */
export function stepsText(truncation: Settings): string {
  const steps = stepsOf(truncation);
  if (steps.length === 1) return "";
  const { engine } = truncation;
  const named = steps.map((step) =>
    step === "temperature" ? "T" : `${step} ${brief(truncation[step]!)}`,
  );
  return [...(engine === undefined ? [] : [`${engine}:`]), named.join(" → ")].join(" ");
}
