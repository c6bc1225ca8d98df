import type { ComponentChildren } from "preact";

/** softmax without and with a temperature, and what to expect of it. */
export function Explanation() {
  return (
    <section class="explanation">
      <h2>Softmax with temperature</h2>
      <p>
        Softmax turns logits <Z />, any numbers, into probabilities which sum to 1:
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
        A temperature <math><mi>T</mi></math> divides the logits first:
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
          Differences between logits fade: every item comes to the same probability. At ∞ softmax
          is uniform.
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

/** softmax(z)_i, or softmax(z, T)_i. */
export function Softmax({ temperature = false }: { readonly temperature?: boolean }) {
  return (
    <mrow>
      <mi>softmax</mi>
      <msub>
        <mrow>
          <mo>(</mo>
          <mi>z</mi>
          {temperature && (
            <>
              <mo>,</mo>
              <mi>T</mi>
            </>
          )}
          <mo>)</mo>
        </mrow>
        <mi>i</mi>
      </msub>
    </mrow>
  );
}

/** e to the power of what is in it. */
export function Power({ children }: { readonly children: ComponentChildren }) {
  return (
    <msup>
      <mi>e</mi>
      <mrow>{children}</mrow>
    </msup>
  );
}

export function Sub({ of, index }: { readonly of: string; readonly index: string }) {
  return (
    <msub>
      <mi>{of}</mi>
      <mi>{index}</mi>
    </msub>
  );
}

/** The sum of what is in it over j. */
export function Total({ children }: { readonly children: ComponentChildren }) {
  return (
    <mrow>
      <munder>
        <mo>∑</mo>
        <mi>j</mi>
      </munder>
      {children}
    </mrow>
  );
}

function Z() {
  return (
    <math>
      <mi>z</mi>
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
