const delayMs = 300;
const clearLine = "\r\u001B[2K";

/** One line that says what takes long; it appears on a terminal only, and only when work is long. */
export class Progress implements Disposable {
  readonly #timer: NodeJS.Timeout | undefined;
  #text: string;
  #isShown = false;

  constructor(text: string) {
    this.#text = text;
    if (!process.stderr.isTTY) return;
    this.#timer = setTimeout(() => {
      this.#isShown = true;
      this.#draw();
    }, delayMs);
  }

  update(text: string): void {
    this.#text = text;
    if (this.#isShown) this.#draw();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (this.#isShown) process.stderr.write(clearLine);
  }

  #draw(): void {
    process.stderr.write(`${clearLine}${this.#text}…`);
  }
}
