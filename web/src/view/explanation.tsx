import { strings } from "../text/strings";
import { Power, Softmax, Sub, Total } from "./mathml";

/** The definition of softmax without and with a temperature, and its limits. */
export function Explanation() {
  const { explanation: texts } = strings;
  return (
    <section class="explanation" aria-label={texts.name}>
      <p>{texts.softmax(<Variable name="z" />)}</p>
      <Definition />
      <p>{texts.temperature(<Variable name="T" />)}</p>
      <Definition temperature />
      <dl>
        <dt>
          <Temperature relation="→" value="∞" />
        </dt>
        <dd>{texts.infinite}</dd>
        <dt>
          <Temperature relation="→" value="0" />
        </dt>
        <dd>{texts.zero}</dd>
        <dt>
          <Temperature relation="=" value="1" />
        </dt>
        <dd>{texts.one}</dd>
      </dl>
      <p>{texts.differences}</p>
      <p>{texts.overflow}</p>
    </section>
  );
}

interface Formula {
  /** Whether T is in it. */
  readonly temperature?: boolean;
}

/** softmax(z)_i, or softmax(z, T)_i, as the exponential of one logit over the sum of all. */
function Definition({ temperature = false }: Formula) {
  return (
    <math display="block">
      <Softmax temperature={temperature} />
      <mo>=</mo>
      <mfrac>
        <Exponential index="i" temperature={temperature} />
        <Total>
          <Exponential index="j" temperature={temperature} />
        </Total>
      </mfrac>
    </math>
  );
}

function Exponential({ index, temperature = false }: Formula & { readonly index: string }) {
  return (
    <Power>
      <Sub of="z" index={index} />
      {temperature && (
        <>
          <mo>/</mo>
          <mi>T</mi>
        </>
      )}
    </Power>
  );
}

function Variable({ name }: { readonly name: string }) {
  return (
    <math>
      <mi>{name}</mi>
    </math>
  );
}

function Temperature({ relation, value }: { readonly relation: string; readonly value: string }) {
  return (
    <math>
      <mi>T</mi>
      <mo>{relation}</mo>
      <mn>{value}</mn>
    </math>
  );
}
