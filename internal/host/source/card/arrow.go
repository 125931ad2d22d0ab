package card

import "image"

// arrow is what the pointer looks like: # is black, o white, the rest nothing.
// Its tip is not in a corner, so that a hot-spot that is forgotten shows.
var arrow = [...]string{
	"               ",
	" ##            ",
	" #o#           ",
	" #oo#          ",
	" #ooo#         ",
	" #oooo#        ",
	" #ooooo#       ",
	" #oooooo#      ",
	" #ooooooo#     ",
	" #oooooooo#    ",
	" #ooooooooo#   ",
	" #oooooooooo#  ",
	" #oooooo#####  ",
	" #ooo#oo#      ",
	" #oo# #oo#     ",
	" #o#  #oo#     ",
	" ##    #oo#    ",
	"       #oo#    ",
	"        ##     ",
	"               ",
}

// Arrow returns what a card's pointer looks like, which a card does not draw:
// pixels of red, green, blue and alpha, and the one that points.
func Arrow() (pix []byte, size, hot image.Point) {
	size = image.Pt(len(arrow[0]), len(arrow))
	for _, row := range arrow {
		for _, c := range row {
			switch c {
			case '#':
				pix = append(pix, 0, 0, 0, 255)
			case 'o':
				pix = append(pix, 255, 255, 255, 255)
			default:
				pix = append(pix, 0, 0, 0, 0)
			}
		}
	}
	return pix, size, image.Pt(1, 1)
}
