// Dates as headers of HTTP have them (RFC 9110, 5.6.7): written in the one form that is left, read in all three. Whole
// seconds, in UTC. Pure.

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const DAY_MS = 86_400_000;
/** The days of 400 years, after which the calendar repeats; and of 100 and 4 years, and of one, if no leap day is left. */
const CYCLE_DAYS = 146_097;
const CENTURY_DAYS = 36_524;
const LEAP_DAYS = 1461;
const YEAR_DAYS = 365;
/** From 1 March of the year 0, where a cycle begins, to 1 January 1970. */
const EPOCH_DAYS = 719_468;
/** A year of two digits below this is of this century. */
const CENTURY_FROM = 70;

const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';
/** `Sun, 06 Nov 1994 08:49:37 GMT` */
const FIXED = new RegExp(`^\\w{3}, (\\d{2}) (\\w{3}) (\\d{4}) ${TIME} GMT$`);
/** `Sunday, 06-Nov-94 08:49:37 GMT` */
const RFC_850 = new RegExp(`^\\w{6,9}, (\\d{2})-(\\w{3})-(\\d{2}) ${TIME} GMT$`);
/** `Sun Nov  6 08:49:37 1994` */
const ASCTIME = new RegExp(`^\\w{3} (\\w{3}) ([ \\d]\\d) ${TIME} (\\d{4})$`);

/** @param ms since 1970, from the year 1970 to 9999; what is below a second is cut off */
export function printHttpDate(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const { year, month, day } = civilDate(days);
  // 1 January 1970 was a Thursday.
  const name = DAYS[(days + 4) % DAYS.length];
  const seconds = Math.floor((ms - days * DAY_MS) / 1000);
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = time.map((part) => padded(part, 2)).join(':');
  return `${name}, ${padded(day, 2)} ${MONTHS[month]} ${padded(year, 4)} ${clock} GMT`;
}

/** @returns milliseconds since 1970; undefined for what is no date, which a recipient ignores */
export function parseHttpDate(text: string): number | undefined {
  const fixed = FIXED.exec(text);
  if (fixed !== null) {
    const [, day, month, year, ...time] = fixed;
    return timeOf(Number(year), month, Number(day), time);
  }
  const old = RFC_850.exec(text);
  if (old !== null) {
    const [, day, month, digits, ...time] = old;
    const year = Number(digits) + (Number(digits) < CENTURY_FROM ? 2000 : 1900);
    return timeOf(year, month, Number(day), time);
  }
  const [, month, day, hours, minutes, seconds, year] = ASCTIME.exec(text) ?? [];
  return timeOf(Number(year), month, Number(day), [hours, minutes, seconds]);
}

function timeOf(
  year: number,
  monthName: string | undefined,
  day: number,
  time: readonly (string | undefined)[],
): number | undefined {
  const month = MONTHS.indexOf(monthName ?? '');
  const [hours = 24, minutes = 60, seconds = 60] = time.map(Number);
  if (month < 0 || hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const ms = Date.UTC(year, month, day, hours, minutes, seconds);
  // A 31st of a month of 30 days is no date: it would be the first of the next one.
  return civilDate(Math.floor(ms / DAY_MS)).day === day ? ms : undefined;
}

/**
 * The date of a day in the Gregorian calendar. Years begin in March here, so that the leap day is the last of one.
 * @param sinceEpoch days since 1 January 1970; @returns with the month from 0
 */
function civilDate(sinceEpoch: number): {
  readonly year: number;
  readonly month: number;
  readonly day: number;
} {
  const days = sinceEpoch + EPOCH_DAYS;
  const cycle = Math.floor(days / CYCLE_DAYS);
  const ofCycle = days - cycle * CYCLE_DAYS;
  const century = Math.min(3, Math.floor(ofCycle / CENTURY_DAYS));
  const ofCentury = ofCycle - century * CENTURY_DAYS;
  const leap = Math.floor(ofCentury / LEAP_DAYS);
  const ofLeap = ofCentury - leap * LEAP_DAYS;
  const one = Math.min(3, Math.floor(ofLeap / YEAR_DAYS));
  const ofYear = ofLeap - one * YEAR_DAYS;
  // From March five months take 153 days, whichever they are.
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const month = (fromMarch + 2) % 12;
  return {
    year: 400 * cycle + 100 * century + 4 * leap + one + (month < 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1,
  };
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}
