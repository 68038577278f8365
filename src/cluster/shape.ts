// Shapes: what a JSON value from outside must look like, checked once, at the boundary. A shape turns
// `unknown` into a typed value or throws Malformed with the path of what is wrong. Unknown fields are
// ignored, so that a newer node can talk to an older one.

export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** @param path where in the message the value stands, for the error. */
export type Shape<T> = (value: unknown, path: string) => T;

export type ShapeOf<S> = S extends Shape<infer T> ? T : never;

export function text(options: { max: number; min?: number }): Shape<string> {
  const min = options.min ?? 1;
  return (value, path) => {
    if (typeof value !== 'string' || value.length < min || value.length > options.max) {
      throw new Malformed(`${path} is not a text of ${min} to ${options.max} characters`);
    }
    return value;
  };
}

export function integer(options: { min: number; max: number }): Shape<number> {
  return (value, path) => {
    if (
      !Number.isInteger(value) ||
      (value as number) < options.min ||
      (value as number) > options.max
    ) {
      throw new Malformed(`${path} is not a whole number from ${options.min} to ${options.max}`);
    }
    return value as number;
  };
}

export const flag: Shape<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw new Malformed(`${path} is not true or false`);
  return value;
};

export function oneOf<const T extends readonly string[]>(...words: T): Shape<T[number]> {
  return (value, path) => {
    if (!words.includes(value as string))
      throw new Malformed(`${path} is not one of ${words.join(', ')}`);
    return value as T[number];
  };
}

export function list<T>(item: Shape<T>, options: { max: number }): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Malformed(`${path} is not a list`);
    if (value.length > options.max) throw new Malformed(`${path} has over ${options.max} entries`);
    return value.map((entry, index) => item(entry, `${path}[${index}]`));
  };
}

export function dictionary<T>(
  item: Shape<T>,
  options: { max: number },
): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    const entries = Object.entries(plainObject(value, path));
    if (entries.length > options.max)
      throw new Malformed(`${path} has over ${options.max} entries`);
    return Object.fromEntries(entries.map(([key, entry]) => [key, item(entry, `${path}.${key}`)]));
  };
}

/** A field that may be missing; `undefined` stands for it. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, path) => (value === undefined || value === null ? undefined : shape(value, path));
}

type Fields = Readonly<Record<string, Shape<unknown>>>;

export function object<F extends Fields>(
  fields: F,
): Shape<{ readonly [K in keyof F]: ShapeOf<F[K]> }> {
  return (value, path) => {
    const source = plainObject(value, path);
    const result: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(fields)) {
      result[name] = shape(source[name], path === '' ? name : `${path}.${name}`);
    }
    return result as { readonly [K in keyof F]: ShapeOf<F[K]> };
  };
}

/** A brand is a type without a trace at run time; what it promises is checked by `shape`. */
export function branded<T>(shape: Shape<unknown>): Shape<T> {
  return shape as Shape<T>;
}

function plainObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Malformed(`${path === '' ? 'the message' : path} is not an object`);
  }
  return value as Record<string, unknown>;
}
