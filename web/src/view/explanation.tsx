import { Power, Softmax, Sub, Total } from "./mathml";

/** softmax without and with a temperature, and what to expect of it. */
export function Explanation() {
  return (
    <section class="explanation">
      <h2>Softmax with temperature</h2>
      <p>
        Softmax turns logits <Variable name="z" />, any numbers, into probabilities which sum to 1:
      </p>
      <math display="block">
        <Softmax />
        <mo>=</mo>
        <mfrac>
          <Power>
            <Sub of="z" index="i" />
          </Power>
          <Total>
            <Power>
              <Sub of="z" index="j" />
            </Power>
          </Total>
        </mfrac>
      </math>
      <p>
        A temperature <Variable name="T" /> divides the logits first:
      </p>
      <math display="block">
        <Softmax temperature />
        <mo>=</mo>
        <mfrac>
          <Power>
            <Sub of="z" index="i" />
            <mo>/</mo>
            <mi>T</mi>
          </Power>
          <Total>
            <Power>
              <Sub of="z" index="j" />
              <mo>/</mo>
              <mi>T</mi>
            </Power>
          </Total>
        </mfrac>
      </math>
      <dl>
        <dt>
          <Limit to="∞" />
        </dt>
        <dd>
          Differences between logits fade: every item comes to the same probability. At ∞ softmax is
          uniform.
        </dd>
        <dt>
          <Limit to="0" />
        </dt>
        <dd>
          Differences grow: the highest logit takes all. At 0 softmax is argmax; items that tie for
          it share equally.
        </dd>
        <dt>
          <math>
            <mi>T</mi>
            <mo>=</mo>
            <mn>1</mn>
          </math>
        </dt>
        <dd>Plain softmax: the logits as they are.</dd>
      </dl>
    </section>
  );
}

function Variable({ name }: { readonly name: string }) {
  return (
    <math>
      <mi>{name}</mi>
    </math>
  );
}

function Limit({ to }: { readonly to: string }) {
  return (
    <math>
      <mi>T</mi>
      <mo>→</mo>
      <mn>{to}</mn>
    </math>
  );
}
