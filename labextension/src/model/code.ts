/** Code that gets an object of a workspace into a notebook. */

const KEYWORDS = new Set(
  (
    'False None True and as assert async await break class continue def del elif else except finally for from ' +
    'global if import in is lambda nonlocal not or pass raise return try while with yield'
  ).split(' ')
);

/** A variable's name made from an object's. */
export function variable(name: string): string {
  const plain = name.replace(/\W+/gu, '_').replace(/^(?=\d)/, '_') || '_';
  return KEYWORDS.has(plain) ? `${plain}_` : plain;
}

/** A word of a magic, quoted where it must be; braces stand for themselves. */
export function word(text: string): string {
  const escaped = text.replaceAll('{', '{{').replaceAll('}', '}}');
  if (/^[\w.:@/=+,%-]+$/u.test(text)) return escaped;
  return text.includes('"') ? `'${escaped}'` : `"${escaped}"`;
}

/** A cell's line that gets the object. */
export function snippet(noun: string, name: string, version = ''): string {
  const whole = version ? `${name}:${version}` : name;
  return `${variable(name)} = %aml ${noun} show ${word(whole)}`;
}

/** What was filled into a form, as words of `aml`. */
export function words(
  noun: string,
  verb: string,
  positionals: string[],
  flags: { name: string; kind: string; value: string | boolean }[]
): string[] {
  const found = [noun, verb, ...positionals.filter(one => one !== '')].filter(one => one !== '');
  for (const { name, kind, value } of flags) {
    if (value === '' || value === false) continue;
    if (kind === 'switch') found.push(`--${name}`);
    else if (value === true) found.push(`--${name}`, 'true');
    else for (const line of value.split('\n').filter(one => one.trim())) found.push(`--${name}`, line.trim());
  }
  return found;
}

/** Words as one line of a notebook. */
export function line(found: string[]): string {
  return ['%aml', ...found.map(word)].join(' ');
}
