/** Where the arrow keys lead from one of the boxes of a grid that wraps as it pleases. */
export type Arrow = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown' | 'Home' | 'End'

/** The part of a rectangle on the screen that is looked at. */
export interface Box {
  readonly left: number
  readonly top: number
}

const SAME_ROW_PX = 4

/** The index reached from `from`; the same one where there is nothing further. */
export function step(boxes: readonly Box[], from: number, arrow: Arrow): number {
  const here = boxes[from]
  if (here === undefined) return boxes.length > 0 ? 0 : -1
  switch (arrow) {
    case 'ArrowLeft':
      return Math.max(0, from - 1)
    case 'ArrowRight':
      return Math.min(boxes.length - 1, from + 1)
    case 'Home':
      return 0
    case 'End':
      return boxes.length - 1
    case 'ArrowUp':
    case 'ArrowDown':
      return vertical(boxes, from, here, arrow === 'ArrowDown' ? 1 : -1)
  }
}

/** The nearest box of the nearest row above or below. */
function vertical(boxes: readonly Box[], from: number, here: Box, way: 1 | -1): number {
  let best = from
  let bestRow = Infinity
  let bestAside = Infinity
  boxes.forEach((box, index) => {
    const row = (box.top - here.top) * way
    if (row <= SAME_ROW_PX) return
    const aside = Math.abs(box.left - here.left)
    if (row < bestRow - SAME_ROW_PX || (row < bestRow + SAME_ROW_PX && aside < bestAside)) {
      best = index
      bestRow = row
      bestAside = aside
    }
  })
  return best
}

/** Whether a key moves between tiles. */
export function isArrow(key: string): key is Arrow {
  return ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'].includes(key)
}
