// The doctor's findings, and how its checks run: all at once, each in bounded time. The findings of a check that runs
// out of time count as far as it came.

/** A finding, printed as one line: what is wrong, and what to do. */
export interface Finding {
  /** The kind of finding, for programs. */
  readonly check: string;
  readonly what: string;
  readonly todo: string;
}

export type ReportFinding = (finding: Finding) => void;

export interface Check {
  readonly name: string;
  examine(report: ReportFinding): Promise<void>;
}

/**
 * @param deadlineMs the time limit of each check
 * @returns all findings, in the order of the checks
 */
export async function examineAll(
  checks: readonly Check[],
  deadlineMs: number,
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    checks.map(async ({ name, examine }) => {
      const findings: Finding[] = [];
      let isLate = false;
      const report = (finding: Finding) => {
        if (!isLate) findings.push(finding);
      };
      const deadline = await within(deadlineMs, () => examine(report));
      isLate = true;
      if (deadline === 'late') {
        findings.push({
          check: name,
          what: `not all of this could be looked at within ${deadlineMs / 1000} s`,
          todo: 'see what hangs, a disk, a name server or the network, and look again',
        });
      }
      return findings;
    }),
  );
  return found.flat();
}

async function within(ms: number, work: () => Promise<void>): Promise<'done' | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), ms);
  });
  try {
    return await Promise.race([work().then(() => 'done' as const), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Works on all items, at most `atOnce` at a time, so that inspecting a large cluster is no load and ends in time. */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
