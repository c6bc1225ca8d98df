import { openModel } from "./data/weights";
import { ModelTexts } from "./hosts/model";
import { bytesOf } from "./model/state";
import { explain } from "./view/mount";
import { contentOf, show } from "./view/page";

const place = document.querySelector("main")!;

/** Unpacks the model of the page, and shows the text that it goes on with. */
async function open(): Promise<void> {
  const { rows, truncation = {}, ...content } = contentOf();
  const file = document.querySelector('script[type="application/gzip"]')!.textContent!;
  const model = await openModel(bytesOf(file));
  const { temperature } = content;
  const texts = await ModelTexts.open(model, rows.model, { temperature, truncation });
  show(place, { ...content, truncation, ...texts.shown() }, texts.rows(), true);
}

place.ariaBusy = "true";
open()
  .catch((error) => explain(place, error))
  .finally(() => {
    place.ariaBusy = null;
  });
