import { useEffect, useState } from 'preact/hooks';
import type { JSX } from 'preact';
import type { Problem } from '../api/problem';
import { shop, type Product } from '../api/shop';
import { changing } from '../cart';
import { t } from '../i18n/words';
import { hrefOf, wholeShelf } from '../shelf_query';
import { addProduct } from '../ui/add';
import { Icon } from '../ui/icons';
import { Blank, Failed, Picture, Price, useTitle, Words } from '../ui/parts';
import { Quantity } from '../ui/quantity';
import { found } from './shelf_results';
import { Card, Stock } from './shelf';

export function ProductView({ productId = '' }: { productId?: string }): JSX.Element {
  // What the shelf knows of it is shown until the whole has come.
  const [product, setProduct] = useState<Product | undefined>(() => found.peek()?.items.find(({ id }) => id === productId));
  const [problem, setProblem] = useState<Problem>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    const ending = new AbortController();
    void shop.product(productId, { signal: ending.signal }).then((answer) => {
      if (ending.signal.aborted) return;
      setProblem(answer.ok ? undefined : answer.problem);
      if (answer.ok) setProduct(answer.value);
    });
    return () => ending.abort();
  }, [productId, tries]);
  useTitle(product?.name ?? '');

  if (problem?.status === 404 || (problem?.kind === 'refused' && problem.status === 400)) {
    return <Blank icon="box" title={t('product.gone')}><p>{t('product.goneText')}</p><a class="button" href="/">{t('notFound.home')}</a></Blank>;
  }
  if (!product) return problem ? <div class="pad"><Failed problem={problem} again={() => setTries(tries + 1)} /></div> : <ProductBones />;
  return (
    <>
      <div class="product">
        <div class="product-picture"><Picture src={product.imageUrl} eager /></div>
        <div class="product-words">
          <a class="crumb small" href={hrefOf({ ...wholeShelf, category: product.category })}><Icon name="back" size={16} /><Words of={product.category} /></a>
          <h1><Words of={product.name} /></h1>
          <p class="product-price"><Price of={product.price} /> <Stock available={product.available} always /></p>
          {problem && <Failed problem={problem} again={() => setTries(tries + 1)} />}
          <Adding product={product} />
          {product.description !== '' && <p class="product-text" dir="auto">{product.description}</p>}
        </div>
      </div>
      <Beside product={product} />
    </>
  );
}

function Adding({ product }: { product: Product }): JSX.Element {
  const [quantity, setQuantity] = useState(1);
  const busy = changing.value.has(product.id);
  if (product.available === 0) return <p class="soft">{t('product.soldOut')}</p>;
  return (
    <form class="adding" onSubmit={(event) => { event.preventDefault(); if (!busy) void addProduct(product, quantity).then((added) => { if (added) setQuantity(1); }); }}>
      <Quantity value={quantity} of={product.name} onChange={setQuantity} />
      <button type="submit" class="button" aria-disabled={busy}><Icon name="bag" size={20} />{busy ? t('product.adding') : t('product.add')}</button>
    </form>
  );
}

/** Others of the same category. Nothing where there are none, or they do not come. */
function Beside({ product: { id, category } }: { product: Product }): JSX.Element | null {
  const [others, setOthers] = useState<readonly Product[]>();
  useEffect(() => {
    const ending = new AbortController();
    void shop.products({ category, inStock: true, limit: 5 }, { signal: ending.signal }).then((answer) => {
      if (answer.ok) setOthers(answer.value.items.filter((one) => one.id !== id).slice(0, 4));
    });
    return () => ending.abort();
  }, [id, category]);
  if (!others || others.length === 0) return null;
  return (
    <section class="beside" aria-labelledby="beside">
      <h2 id="beside">{t('product.beside')} <Words of={category} /></h2>
      <ul class="cards">{others.map((one) => <Card key={one.id} product={one} />)}</ul>
    </section>
  );
}

function ProductBones(): JSX.Element {
  return (
    <div class="product" role="status">
      <span class="unseen">{t('loading')}</span>
      <div class="product-picture"><span class="picture bone" /></div>
      <div class="product-words"><span class="bone w30" /><span class="bone w90 bone-title" /><span class="bone w50" /><span class="bone w70" /><span class="bone w90" /><span class="bone w90" /></div>
    </div>
  );
}
