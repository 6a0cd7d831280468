/** The words of the interface, translated where JupyterLab has them in the reader's language. */

type Translate = (text: string, ...values: unknown[]) => string;

const plain: Translate = (text, ...values) =>
  text.replace(/%(\d)/g, (_, index: string) => String(values[Number(index) - 1] ?? ''));

let translate: Translate = plain;

/** Let JupyterLab's translator do it from now on. */
export function speak(bundle: { __: Translate } | undefined): void {
  translate = bundle ? (text, ...values) => bundle.__(text, ...values) : plain;
}

/** A sentence; `%1` stands for the first value. */
export function t(text: string, ...values: unknown[]): string {
  return translate(text, ...values);
}
