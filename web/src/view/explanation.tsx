import { Power, Softmax, Sub, Total } from "./mathml";

/** softmax without and with a temperature, and what to expect of it. */
export function Explanation() {
  return (
    <section class="explanation">
      <h2>Softmax with temperature</h2>
      <p>
        Softmax turns logits <Variable name="z" />, any numbers, into probabilities which sum to 1:
      </p>
      <Definition />
      <p>
        A temperature <Variable name="T" /> divides the logits first:
      </p>
      <Definition temperature />
      <dl>
        <dt>
          <Temperature relation="→" value="∞" />
        </dt>
        <dd>
          Differences between logits fade: every item comes to the same probability. At ∞ softmax is
          uniform.
        </dd>
        <dt>
          <Temperature relation="→" value="0" />
        </dt>
        <dd>
          Differences grow: the highest logit takes all. At 0 softmax is argmax; items that tie for
          it share equally.
        </dd>
        <dt>
          <Temperature relation="=" value="1" />
        </dt>
        <dd>Plain softmax: the logits as they are.</dd>
      </dl>
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
