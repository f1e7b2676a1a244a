export function title(text: string): void {
  say(`\n${text}`);
}

export async function show(question: string, answer: Promise<boolean>): Promise<void> {
  say(`  ${question.padEnd(30)} ${(await answer) ? "yes" : "no"}`);
}

export function say(text: string): void {
  console.log(text);
}
