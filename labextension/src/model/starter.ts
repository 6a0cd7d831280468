/** The body of a first test call, as far as an endpoint's swagger document tells what it takes. */

import { json } from '../format';

type Json = Record<string, unknown>;

/** Levels below which a schema is not followed: it may name itself. */
const DEEP = 8;
const EMPTY: Record<string, unknown> = { integer: 0, number: 0, boolean: false, string: '' };

/** What is sent when nothing is known. */
export const STARTER = '{\n  "input_data": []\n}';

/** A body in the shape that the document of an endpoint asks for; STARTER when it does not say. */
export function starter(text: string): string {
  try {
    const document = JSON.parse(text) as Json;
    const found = example(schema(document), document, 0);
    return found === undefined ? STARTER : json(found);
  } catch {
    return STARTER;
  }
}

/** The schema of what is posted: of OpenAPI 2 in a parameter of the body, of 3 in the request's body. */
function schema(document: Json): Json | undefined {
  const paths = Object.entries((document.paths ?? {}) as Record<string, { post?: Json }>);
  const post = (paths.find(([path]) => path.endsWith('/score')) ?? paths.find(([, one]) => one.post))?.[1]
    .post;
  const parameters = (post?.parameters ?? []) as { in?: string; schema?: Json }[];
  const content = (post?.requestBody as { content?: Record<string, { schema?: Json }> } | undefined)?.content;
  return parameters.find(one => one.in === 'body')?.schema ?? content?.['application/json']?.schema;
}

function example(of: Json | undefined, document: Json, depth: number): unknown {
  if (!of || depth > DEEP) return undefined;
  if (of.example !== undefined) return of.example;
  if (typeof of.$ref === 'string') return example(named(of.$ref, document), document, depth + 1);
  if (of.type === 'object' || of.properties) {
    const fields = Object.entries((of.properties ?? {}) as Record<string, Json>);
    return Object.fromEntries(fields.map(([name, one]) => [name, example(one, document, depth + 1) ?? null]));
  }
  if (of.type === 'array') {
    const item = example(of.items as Json | undefined, document, depth + 1);
    return item === undefined ? [] : [item];
  }
  return EMPTY[String(of.type)];
}

/** What `#/definitions/ServiceInput` stands for. */
function named(reference: string, document: Json): Json | undefined {
  let found: unknown = document;
  for (const part of reference.replace(/^#\//, '').split('/')) {
    found = Object.hasOwn(Object(found), part) ? (found as Json)[part] : undefined;
  }
  return found as Json | undefined;
}
