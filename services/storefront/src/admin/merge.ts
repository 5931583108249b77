import type { Product } from '../api/shop';
import { decimalOf, type Money } from '../money';

/** What of a product is edited as text; its stock, its picture and its times have ways of their own. */
export interface Fields {
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: Money;
}
export type FieldName = keyof Fields;
export const FIELDS: readonly FieldName[] = ['name', 'description', 'category', 'price'];

export const fieldsOf = ({ name, description, category, price }: Product): Fields => ({ name, description, category, price });

const plain = (value: string | Money): string => (typeof value === 'string' ? value : `${decimalOf(value)} ${value.currency}`);
export const same = (a: Fields, b: Fields, field: FieldName): boolean => plain(a[field]) === plain(b[field]);

/** What became of a product that two people changed, each from `base`. */
export interface Merged {
  /** What each field is to be, if nobody chooses otherwise: a change is kept, whoever made it, and mine where both did. */
  readonly fields: Fields;
  /** Those that are not mine alone, so that somebody should look at them. */
  readonly foreign: readonly FieldName[];
}

export function threeWay(base: Fields, mine: Fields, theirs: Fields): Merged {
  const foreign = FIELDS.filter((field) => !same(base, theirs, field) && !same(mine, theirs, field));
  const takeTheirs = (field: FieldName): boolean => same(base, mine, field);
  return {
    fields: {
      name: takeTheirs('name') ? theirs.name : mine.name,
      description: takeTheirs('description') ? theirs.description : mine.description,
      category: takeTheirs('category') ? theirs.category : mine.category,
      price: takeTheirs('price') ? theirs.price : mine.price,
    },
    foreign,
  };
}

/** The fields with those of `theirs` where they were chosen. */
export const chosen = (mine: Fields, theirs: Fields, wanted: ReadonlySet<FieldName>): Fields => ({
  name: wanted.has('name') ? theirs.name : mine.name,
  description: wanted.has('description') ? theirs.description : mine.description,
  category: wanted.has('category') ? theirs.category : mine.category,
  price: wanted.has('price') ? theirs.price : mine.price,
});
