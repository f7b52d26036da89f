// SPDX-License-Identifier: Apache-2.0

// Dialogs: Esc, the close button and a click beside the dialog close it, and the focus returns to
// where it was. The browser does most of it.

export function wireDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (e) => {
      if (e.target === dialog || e.target.closest('[data-close]')) dialog.close();
    });
  }
}

// ask shows a dialog with a form, and resolves to whether it was submitted.
export function ask(dialog) {
  return new Promise((resolve) => {
    let yes = false;
    const submit = () => (yes = true);
    dialog.addEventListener('submit', submit);
    dialog.addEventListener(
      'close',
      () => {
        dialog.removeEventListener('submit', submit);
        resolve(yes);
      },
      { once: true },
    );
    dialog.showModal();
  });
}
