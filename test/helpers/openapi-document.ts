// A strict check of an OpenAPI 3.1 document: the structure that the specification asks for, of the parts of it that
// ours has. What is not known here is a problem too, so that a new part of the document comes with its check.

type Json = Readonly<Record<string, unknown>>;

export const METHODS = ['get', 'head', 'post', 'put', 'delete', 'patch', 'options', 'trace'];
const MEDIA_TYPE = /^(?:\*\/\*|[a-z]+\/(?:\*|[a-z0-9.+-]+))$/;
const SCHEMA_KEYWORDS = [
  'type',
  'enum',
  'items',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'default',
];

/** @returns one line for each thing that is wrong, with the place of it */
export function problemsOf(document: unknown): readonly string[] {
  const check = new DocumentCheck(document);
  check.document();
  return check.problems;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns the object itself, or what it refers to within the document; undefined where there is nothing */
export function resolved(document: unknown, value: unknown): Json | undefined {
  if (!isObject(value)) return undefined;
  const { $ref } = value;
  if ($ref === undefined) return value;
  if (typeof $ref !== 'string' || !$ref.startsWith('#/')) return undefined;
  let found: unknown = document;
  for (const step of $ref.slice(2).split('/')) {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    found = isObject(found) ? found[name] : undefined;
  }
  return isObject(found) ? found : undefined;
}

class DocumentCheck {
  readonly problems: string[] = [];
  readonly #document: unknown;
  readonly #operationIds = new Set<string>();
  readonly #tags = new Set<unknown>();
  readonly #used = new Set<string>();

  constructor(document: unknown) {
    this.#document = document;
  }

  document(): void {
    const document = this.#object(this.#document, '#', {
      needed: ['openapi', 'info', 'paths'],
      allowed: ['servers', 'tags', 'components'],
    });
    if (!/^3\.1\.\d+$/.test(String(document.openapi))) this.#wrong('#/openapi', 'is not 3.1');
    const info = this.#object(document.info, '#/info', {
      needed: ['title', 'version'],
      allowed: ['description', 'license'],
    });
    this.#text(info.title, '#/info/title');
    this.#text(info.version, '#/info/version');
    const license = this.#object(info.license ?? { name: 'none' }, '#/info/license', {
      needed: ['name'],
      allowed: ['identifier', 'url'],
    });
    if (license.identifier !== undefined && license.url !== undefined) {
      this.#wrong('#/info/license', 'has both identifier and url');
    }
    for (const [index, server] of this.#list(document.servers, '#/servers').entries()) {
      const at = `#/servers/${index}`;
      const { url } = this.#object(server, at, { needed: ['url'], allowed: ['description'] });
      this.#text(url, `${at}/url`);
    }
    for (const [index, tag] of this.#list(document.tags, '#/tags').entries()) {
      const at = `#/tags/${index}`;
      const { name } = this.#object(tag, at, { needed: ['name'], allowed: ['description'] });
      if (this.#tags.has(name)) this.#wrong(at, 'is there twice');
      this.#tags.add(name);
    }
    this.#paths(document.paths);
    this.#components(document.components);
  }

  #paths(paths: unknown): void {
    const shapes = new Set<string>();
    for (const [path, item] of this.#entries(paths, '#/paths')) {
      const at = `#/paths${path}`;
      if (!path.startsWith('/')) this.#wrong(at, 'does not begin with a slash');
      if (/[?#]/.test(path)) this.#wrong(at, 'has a query or a fragment');
      const templates = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name);
      if (/[{}]/.test(path.replace(/\{\w+\}/g, ''))) this.#wrong(at, 'has an odd template');
      if (new Set(templates).size !== templates.length) this.#wrong(at, 'has a template twice');
      const shape = path.replace(/\{\w+\}/g, '{}');
      if (shapes.has(shape)) this.#wrong(at, 'is the same as another path');
      shapes.add(shape);
      const methods = this.#entries(item, at);
      if (methods.length === 0) this.#wrong(at, 'has no operation');
      for (const [method, operation] of methods) {
        if (METHODS.includes(method)) this.#operation(operation, `${at}/${method}`, templates);
        else this.#wrong(`${at}/${method}`, 'is no method');
      }
    }
  }

  #operation(value: unknown, at: string, templates: readonly string[]): void {
    const operation = this.#object(value, at, {
      needed: ['operationId', 'responses', 'summary'],
      allowed: ['tags', 'parameters', 'requestBody'],
    });
    const { operationId } = operation;
    if (typeof operationId !== 'string' || !/^[a-z][A-Za-z0-9_]*$/.test(operationId)) {
      this.#wrong(at, 'has no usable operationId');
    } else if (this.#operationIds.has(operationId)) this.#wrong(at, `is the second ${operationId}`);
    else this.#operationIds.add(operationId);
    this.#text(operation.summary, `${at}/summary`);
    for (const tag of this.#list(operation.tags, `${at}/tags`)) {
      if (!this.#tags.has(tag)) this.#wrong(at, `has the unknown tag ${tag}`);
    }
    const seen = new Set<string>();
    for (const [index, entry] of this.#list(operation.parameters, `${at}/parameters`).entries()) {
      const key = this.#parameter(entry, `${at}/parameters/${index}`, templates);
      if (seen.has(key)) this.#wrong(at, `has the parameter ${key} twice`);
      seen.add(key);
    }
    for (const name of templates) {
      if (!seen.has(`path ${name}`)) this.#wrong(at, `does not declare {${name}}`);
    }
    if (operation.requestBody !== undefined) {
      if (/\/(?:get|head|delete)$/.test(at)) this.#wrong(at, 'has a body without meaning');
      const body = this.#object(operation.requestBody, `${at}/requestBody`, {
        needed: ['content'],
        allowed: ['description', 'required'],
      });
      this.#content(body.content, `${at}/requestBody/content`);
      if (![undefined, true, false].includes(body.required as boolean | undefined)) {
        this.#wrong(`${at}/requestBody`, 'has an odd required');
      }
    }
    const responses = this.#entries(operation.responses, `${at}/responses`);
    if (responses.length === 0) this.#wrong(at, 'has no response');
    for (const [status, response] of responses) {
      const there = `${at}/responses/${status}`;
      if (!/^(?:[1-5]\d\d|[1-5]XX|default)$/.test(status)) this.#wrong(there, 'is no status');
      this.#referable(response, there, (found, place) => this.#response(found, place));
    }
  }

  #parameter(value: unknown, at: string, templates: readonly string[]): string {
    const parameter = this.#object(value, at, {
      needed: ['name', 'in', 'schema', 'description'],
      allowed: ['required', 'example'],
    });
    const { name, in: place, required } = parameter;
    this.#text(name, `${at}/name`);
    this.#text(parameter.description, `${at}/description`);
    if (!['query', 'header', 'path', 'cookie'].includes(String(place))) {
      this.#wrong(at, `is in ${place}`);
    }
    if (place === 'path') {
      if (required !== true) this.#wrong(at, 'is of the path, and not required');
      if (!templates.includes(String(name))) this.#wrong(at, 'is not in the path');
    }
    if (typeof (required ?? false) !== 'boolean') this.#wrong(at, 'has an odd required');
    this.#schema(parameter.schema, `${at}/schema`);
    return `${place} ${place === 'header' ? String(name).toLowerCase() : name}`;
  }

  #response(value: Json, at: string): void {
    const { description, headers, content } = this.#object(value, at, {
      needed: ['description'],
      allowed: ['headers', 'content'],
    });
    this.#text(description, `${at}/description`);
    for (const [name, header] of this.#entries(headers ?? {}, `${at}/headers`)) {
      const there = `${at}/headers/${name}`;
      if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name)) this.#wrong(there, 'is no header');
      if (name.toLowerCase() === 'content-type') this.#wrong(there, 'is said by content');
      const found = this.#object(header, there, { needed: ['schema', 'description'], allowed: [] });
      this.#text(found.description, `${there}/description`);
      this.#schema(found.schema, `${there}/schema`);
    }
    if (content !== undefined) this.#content(content, `${at}/content`);
  }

  #content(content: unknown, at: string): void {
    const entries = this.#entries(content, at);
    if (entries.length === 0) this.#wrong(at, 'is empty');
    for (const [type, media] of entries) {
      const there = `${at}/${type}`;
      if (!MEDIA_TYPE.test(type)) this.#wrong(there, 'is no media type');
      const { schema } = this.#object(media, there, { needed: [], allowed: ['schema', 'example'] });
      if (schema !== undefined) this.#schema(schema, `${there}/schema`);
    }
  }

  #schema(value: unknown, at: string): void {
    const schema = this.#object(value, at, { needed: ['type'], allowed: SCHEMA_KEYWORDS });
    if (!['string', 'integer', 'array', 'object'].includes(String(schema.type))) {
      this.#wrong(at, `has the type ${schema.type}`);
    }
    if (schema.type === 'array') this.#schema(schema.items, `${at}/items`);
    else if (schema.items !== undefined) this.#wrong(at, 'has items, and is no array');
    if (schema.enum !== undefined) {
      const values = this.#list(schema.enum, `${at}/enum`);
      if (values.length === 0) this.#wrong(at, 'allows nothing');
      if (new Set(values).size !== values.length) this.#wrong(at, 'allows something twice');
    }
  }

  #components(components: unknown): void {
    const { responses = {} } = this.#object(components ?? {}, '#/components', {
      needed: [],
      allowed: ['responses'],
    });
    for (const [name, response] of this.#entries(responses, '#/components/responses')) {
      const at = `#/components/responses/${name}`;
      if (!/^[A-Za-z0-9._-]+$/.test(name)) this.#wrong(at, 'has no usable name');
      if (!this.#used.has(at)) this.#wrong(at, 'is used nowhere');
      if (isObject(response)) this.#response(response, at);
      else this.#wrong(at, 'is no object');
    }
  }

  /** Checks the object, or that its reference leads to one, which is checked where it stands. */
  #referable(value: unknown, at: string, check: (value: Json, at: string) => void): void {
    if (!isObject(value)) return this.#wrong(at, 'is no object');
    if (value.$ref === undefined) return check(value, at);
    this.#object(value, at, { needed: ['$ref'], allowed: ['summary', 'description'] });
    this.#used.add(String(value.$ref));
    if (resolved(this.#document, value) === undefined) this.#wrong(at, `refers to ${value.$ref}`);
  }

  #object(
    value: unknown,
    at: string,
    {
      needed,
      allowed,
    }: { readonly needed: readonly string[]; readonly allowed: readonly string[] },
  ): Json {
    if (!isObject(value)) {
      this.#wrong(at, 'is no object');
      return {};
    }
    for (const name of needed) if (value[name] === undefined) this.#wrong(at, `has no ${name}`);
    for (const name of Object.keys(value)) {
      if (!needed.includes(name) && !allowed.includes(name)) this.#wrong(at, `has ${name}`);
    }
    return value;
  }

  #entries(value: unknown, at: string): readonly (readonly [string, unknown])[] {
    if (isObject(value)) return Object.entries(value);
    this.#wrong(at, 'is no object');
    return [];
  }

  #list(value: unknown, at: string): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.#wrong(at, 'is no list');
    return [];
  }

  #text(value: unknown, at: string): void {
    if (typeof value !== 'string' || value.trim() === '') this.#wrong(at, 'is no text');
  }

  #wrong(at: string, what: string): void {
    this.problems.push(`${at} ${what}`);
  }
}
