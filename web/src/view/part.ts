import type { Instrument } from "../model/instrument";

/** The props of each part of the view. */
export interface Part {
  readonly instrument: Instrument;
}
