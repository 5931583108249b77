import type { JSX } from 'preact';
import { shop, type Product, type ProductPage, type ProductQuery } from '../api/shop';
import { number } from '../i18n';
import { place } from '../router';
import { Icon } from '../ui/icons';
import { Picture, Price, useTitle, Words } from '../ui/parts';
import { hidden, removeLater } from './deleting';
import { SearchField, setQuery } from './filters';
import { useList } from './lists';
import { Head, ListEnd } from './parts';
import { w } from './words';

const SORTS = ['name', 'newest', 'price', '-price'] as const;
const STOCKS = ['all', 'in', 'out'] as const;

export function ProductList(): JSX.Element {
  useTitle(w('products.title'));
  const { query } = place.value;
  const q = query.get('q') ?? '';
  const stock = STOCKS.find((one) => one === query.get('stock')) ?? 'all';
  const sort = SORTS.find((one) => one === query.get('sort'));
  const asked: ProductQuery = { ...(q && { q }), ...(sort && { sort }), ...(stock !== 'all' && { inStock: stock === 'in' }), limit: 50 };
  const list = useList<Product, ProductPage>(JSON.stringify(asked), (cursor, signal) => shop.products({ ...asked, ...(cursor === undefined ? {} : { cursor }) }, { signal }));
  const items = list.items?.filter(({ id }) => !hidden.value.has(id));
  return (
    <>
      <Head title={w('products.title')}>
        <a class="button small" href="/admin/new">{w('products.new')}</a>
      </Head>
      <div class="filters" role="search">
        <SearchField label={w('products.search')} />
        <label class="filter">
          <span class="small soft">{w('products.stock')}</span>
          <select class="select" value={stock} onChange={(event) => setQuery('stock', event.currentTarget.value === 'all' ? '' : event.currentTarget.value)}>
            {STOCKS.map((one) => <option key={one} value={one}>{w(`products.stock.${one}`)}</option>)}
          </select>
        </label>
        <label class="filter">
          <span class="small soft">{w('products.sort')}</span>
          <select class="select" value={sort ?? ''} onChange={(event) => setQuery('sort', event.currentTarget.value)}>
            <option value="">{q ? w('products.sort.relevance') : w('products.sort.name')}</option>
            {SORTS.filter((one) => q || one !== 'name').map((one) => <option key={one} value={one}>{w(`products.sort.${one}`)}</option>)}
          </select>
        </label>
      </div>
      <p class="small soft" role="status">{list.page ? w('products.count', { count: list.page.total }) : ''}</p>
      {items && items.length > 0 && <ul class="rows">{items.map((product) => <ProductRow key={product.id} product={product} />)}</ul>}
      <ListEnd list={list} none={w('products.none')} />
    </>
  );
}

export function ProductRow({ product }: { product: Product }): JSX.Element {
  return (
    <li class="row product-row">
      <Picture src={product.imageUrl} />
      <div class="row-text">
        <a class="row-name" href={`/admin/products/${product.id}`}><Words of={product.name} /></a>
        <span class="small soft"><Words of={product.category} /></span>
      </div>
      <span class={`row-stock small ${product.available === 0 ? 'wrong' : 'soft'}`}>
        {w('products.have', { available: product.available })}
        {product.reserved > 0 && <><br />{w('products.reserved', { reserved: number(product.reserved) })}</>}
      </span>
      <Price of={product.price} class="row-sum" />
      <button type="button" class="icon-button" aria-label={w('products.delete', { name: product.name })} onClick={() => removeLater(product)}><Icon name="trash" size={20} /></button>
    </li>
  );
}
