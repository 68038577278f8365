// Shapes: check once, at the boundary, what a JSON value from outside looks like. A shape turns `unknown` into a
// typed value, or throws Malformed with the path of the field that is wrong. Unknown fields are ignored, so that a
// newer node can talk to an older one.

export class Malformed extends Error {
  override readonly name: string = 'Malformed';
}

/**
 * A value of the wrong shape. Its path is assembled only when a shape throws, from the inside out: a map of 256
 * partitions has 3,000 values, and naming each of them took five times as long as checking them.
 */
export class Misshapen extends Malformed {
  override readonly name = 'Misshapen';
  readonly #what: string;
  readonly #path: string;

  /**
   * @param what the fault, as the rest of a sentence that begins with the path
   * @param path the way from the value given to the shape; empty for that value itself
   */
  constructor(what: string, path = '') {
    super(`${path === '' ? 'the message' : path} ${what}`);
    this.#what = what;
    this.#path = path;
  }

  /** Puts `step`, a name or [index], before the path of an error from inside of that field. */
  static within(step: string, error: unknown): unknown {
    if (!(error instanceof Misshapen)) return error;
    const path = error.#path;
    const joint = path === '' || path.startsWith('[') ? '' : '.';
    return new Misshapen(error.#what, `${step}${joint}${path}`);
  }
}

export type Shape<T> = (value: unknown) => T;

export type ShapeOf<S> = S extends Shape<infer T> ? T : never;

export function text(options: { max: number; min?: number }): Shape<string> {
  const min = options.min ?? 1;
  return (value) => {
    if (typeof value !== 'string' || value.length < min || value.length > options.max) {
      throw new Misshapen(`is not a text of ${min} to ${options.max} characters`);
    }
    return value;
  };
}

export function integer(options: { min: number; max: number }): Shape<number> {
  return (value) => {
    if (
      !Number.isInteger(value) ||
      (value as number) < options.min ||
      (value as number) > options.max
    ) {
      throw new Misshapen(`is not a whole number from ${options.min} to ${options.max}`);
    }
    return value as number;
  };
}

export const positive: Shape<number> = (value) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new Misshapen('is not a positive number');
  }
  return value;
};

export const flag: Shape<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new Misshapen(`is not true or false`);
  return value;
};

export function oneOf<const T extends readonly string[]>(...words: T): Shape<T[number]> {
  return (value) => {
    if (!words.includes(value as string)) throw new Misshapen(`is not one of ${words.join(', ')}`);
    return value as T[number];
  };
}

export function list<T>(item: Shape<T>, options: { max: number }): Shape<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) throw new Misshapen(`is not a list`);
    if (value.length > options.max) throw new Misshapen(`has over ${options.max} entries`);
    return value.map((entry, index) => {
      try {
        return item(entry);
      } catch (error) {
        throw Misshapen.within(`[${index}]`, error);
      }
    });
  };
}

export function dictionary<T>(
  item: Shape<T>,
  options: { max: number },
): Shape<Readonly<Record<string, T>>> {
  return (value) => {
    const entries = Object.entries(plainObject(value));
    if (entries.length > options.max) throw new Misshapen(`has over ${options.max} entries`);
    return Object.fromEntries(entries.map(([key, entry]) => [key, inside(key, item, entry)]));
  };
}

/** A field that may be missing or null; either becomes `undefined`. */
export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value) => (value === undefined || value === null ? undefined : shape(value));
}

type Fields = Readonly<Record<string, Shape<unknown>>>;

export function object<F extends Fields>(
  fields: F,
): Shape<{ readonly [K in keyof F]: ShapeOf<F[K]> }> {
  const shapes = Object.entries(fields);
  return (value) => {
    const source = plainObject(value);
    const result: Record<string, unknown> = {};
    for (const [name, shape] of shapes) result[name] = inside(name, shape, source[name]);
    return result as { readonly [K in keyof F]: ShapeOf<F[K]> };
  };
}

/** A brand exists only in the types; `shape` must check what the brand promises. */
export function branded<T>(shape: Shape<unknown>): Shape<T> {
  return shape as Shape<T>;
}

function inside<T>(step: string, shape: Shape<T>, value: unknown): T {
  try {
    return shape(value);
  } catch (error) {
    throw Misshapen.within(step, error);
  }
}

function plainObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Misshapen('is not an object');
  }
  return value as Record<string, unknown>;
}

/** Whether a file has no bytes or only zeros, which is what a torn write can leave. */
export function isNothing(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}
