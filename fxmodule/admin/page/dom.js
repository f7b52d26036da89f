// SPDX-License-Identifier: Apache-2.0

// The few helpers that build and update the page. Texts are set as text, never as HTML, because
// names of clients and of operations may hold anything. A node is changed only if its value is
// another one, so that an unchanged figure costs no layout.

// el makes an HTML element. A prop that is a function is a listener; "text" is its text.
export function el(tag, props = {}, ...kids) {
  return fill(document.createElement(tag), props, kids);
}

// svg makes an element of an SVG.
export function svg(tag, props = {}, ...kids) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, kids);
}

function fill(node, props, kids) {
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (key === 'text') node.textContent = value;
    else if (value === true) node.setAttribute(key, '');
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...kids.filter((k) => k != null));
  return node;
}

// text sets the text of a node.
export function text(node, value) {
  value = String(value ?? '');
  const only = node.firstChild;
  if (only && only.nodeType === Node.TEXT_NODE && !only.nextSibling) {
    if (only.data !== value) only.data = value;
  } else if (node.textContent !== value) {
    node.textContent = value;
  }
}

// attr sets an attribute, or removes it: null and false.
export function attr(node, key, value) {
  if (value == null || value === false) {
    if (node.hasAttribute(key)) node.removeAttribute(key);
    return;
  }
  value = value === true ? '' : String(value);
  if (node.getAttribute(key) !== value) node.setAttribute(key, value);
}

// show hides a node, or shows it.
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

// slots makes parent have n children by make(i), and returns them. The children stay in their
// places and get other contents, so that nothing on the page moves.
export function slots(parent, n, make) {
  while (parent.children.length > n) parent.lastElementChild.remove();
  for (let i = parent.children.length; i < n; i++) parent.append(make(i));
  return parent.children;
}

// held reports whether somebody points into the node, or has the focus in it. What may be clicked
// must not change its meaning under the pointer. A finger leaves a hover behind, which does not count.
const mouse = matchMedia('(hover: hover)');

export function held(node) {
  return (mouse.matches && node.matches(':hover')) || (node.contains(document.activeElement) && document.activeElement !== node);
}
