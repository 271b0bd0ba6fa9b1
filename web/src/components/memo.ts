// A component that is drawn again only when one of its properties changed: a message that stays the
// same costs nothing when another one arrives.

import { Component, h } from 'preact';
import type { FunctionComponent } from 'preact';

export function memo<P extends object>(Inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const keys = Object.keys(next) as (keyof P)[];
      return keys.some((key) => key !== 'children' && next[key] !== (this.props as P)[key]);
    }
    override render() {
      return h(Inner, this.props as P & { children?: never });
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
