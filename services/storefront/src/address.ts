import type { Address } from './api/shop';

/** The countries of ISO 3166, by their codes; Intl has their names. */
export const COUNTRIES = (
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO ' +
  'CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR ' +
  'HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN ' +
  'MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD ' +
  'SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE ' +
  'YT ZA ZM ZW'
).split(' ');

export type AddressField = 'name' | 'line1' | 'line2' | 'city' | 'postalCode' | 'country';
export type AddressDraft = Readonly<Record<AddressField, string>>;
export const noAddress: AddressDraft = { name: '', line1: '', line2: '', city: '', postalCode: '', country: '' };

/** The longest that the cart's service takes, in characters. */
export const LONGEST: Readonly<Record<AddressField, number>> = { name: 200, line1: 200, line2: 200, city: 100, postalCode: 20, country: 60 };

export type Wrong = 'missing' | 'long';

export function wrongIn(draft: AddressDraft): Partial<Record<AddressField, Wrong>> {
  const wrong: Partial<Record<AddressField, Wrong>> = {};
  for (const field of Object.keys(LONGEST) as AddressField[]) {
    const text = draft[field].trim();
    if (text === '' && field !== 'line2') wrong[field] = 'missing';
    else if ([...text].length > LONGEST[field]) wrong[field] = 'long';
  }
  return wrong;
}

export function addressOf(draft: AddressDraft): Address {
  const { line2, ...others } = Object.fromEntries(Object.entries(draft).map(([field, text]) => [field, text.trim()])) as Record<AddressField, string>;
  return line2 === '' ? others : { ...others, line2 };
}

export function isDraft(value: unknown): value is AddressDraft {
  return typeof value === 'object' && value !== null && Object.keys(noAddress).every((field) => typeof (value as Record<string, unknown>)[field] === 'string');
}

/** Where the browser's first language with a region says it is; nothing else is known. */
export function likelyCountry(languages: readonly string[]): string {
  for (const language of languages) {
    const region = /-([A-Z]{2})$/.exec(language)?.[1];
    if (region && COUNTRIES.includes(region)) return region;
  }
  return '';
}
