import type { ComponentChildren } from "preact";

/** softmax(z)_i, or softmax(z, T)_i. */
export function Softmax({ temperature = false }: { readonly temperature?: boolean }) {
  return (
    <mrow>
      <mi>softmax</mi>
      <msub>
        <mrow>
          <Brackets>
            <mi>z</mi>
            {temperature && (
              <>
                <mo>,</mo>
                <mi>T</mi>
              </>
            )}
          </Brackets>
        </mrow>
        <mi>i</mi>
      </msub>
    </mrow>
  );
}

/** An attribute with the text "false", which its type in Preact does not have. */
const SMALL: object = { stretchy: "false" };

/** Round brackets that stay as high as the text: in a large type some browsers stretch them. */
export function Brackets({ children }: { readonly children: ComponentChildren }) {
  return (
    <>
      <mo {...SMALL}>(</mo>
      {children}
      <mo {...SMALL}>)</mo>
    </>
  );
}

/** e to the power of the children. */
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

/** The sum of the children over j. */
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
