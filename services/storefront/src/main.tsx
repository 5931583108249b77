import { render } from 'preact';
import './styles/tokens.css';
import './styles/base.css';
import './styles/storefront.css';
import { App } from './app';
import { startCart } from './cart';
import { startRouter } from './router';
import { startTheme } from './theme';

startTheme();
startRouter();
startCart();
render(<App />, document.getElementById('app')!);
