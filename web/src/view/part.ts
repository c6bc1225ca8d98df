import type { Instrument } from "../model/instrument";

/** What each part of the view gets. */
export interface Part {
  readonly instrument: Instrument;
}
