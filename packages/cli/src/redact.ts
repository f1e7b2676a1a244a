/** Hides the passwords of connection strings in a text for people. */
export function redact(text: string): string {
  return text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/?#]*):[^\s/?#]*@/gi, "$1:***@")
    .replaceAll(/([?&](?:ssl)?password=)[^\s&]*/gi, "$1***");
}
