// Files out of a drag and drop, folders included.

import type { Chosen } from "./files";

/** Every file of the drop with its path. Must be called within the event: the list is gone afterwards. */
export async function dropped(data: DataTransfer): Promise<Chosen<File>[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  return (await Promise.all(entries.map((entry) => walk(entry, "")))).flat();
}

async function walk(entry: FileSystemEntry, folder: string): Promise<Chosen<File>[]> {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Chosen<File>[] = [];
  // A reader hands out its entries in portions; an empty one is the end.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return found;
    for (const one of portion) found.push(...(await walk(one, `${path}/`)));
  }
}
