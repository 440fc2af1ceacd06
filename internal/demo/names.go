package demo

import (
	"fmt"
	"math/rand/v2"
)

// A home is a city and what its streets and people are called.
type home struct {
	city    string
	streets []string
	given   []string
	family  []string
	joined  bool // family name first, without a space
}

func homes() []home {
	chinese := []string{"伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "勇", "杰", "秀英", "建国", "婷婷", "子轩"}
	families := []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙"}
	return []home{
		{"杭州", []string{"文三路", "体育场路", "莫干山路", "西溪路"}, chinese, families, true},
		{"上海", []string{"南京西路", "淮海中路", "延安东路", "四川北路"}, chinese, families, true},
		{"Berlin", []string{"Kastanienallee", "Sonnenallee", "Torstraße", "Müllerstraße"},
			[]string{"Anna", "Jürgen", "Lea", "Paul", "Zoë", "Max"}, []string{"Müller", "Weiß", "Schäfer", "Krüger", "Vogel"}, false},
		{"Kraków", []string{"ulica Floriańska", "ulica Długa", "ulica Karmelicka"},
			[]string{"Zofia", "Łukasz", "Agnieszka", "Paweł"}, []string{"Wójcik", "Kowalczyk", "Zieliński", "Woźniak"}, false},
		{"São Paulo", []string{"Rua Augusta", "Avenida Paulista", "Rua da Consolação"},
			[]string{"João", "Beatriz", "Inês", "Caio"}, []string{"Araújo", "Gonçalves", "Souza", "Conceição"}, false},
		{"London", []string{"Brick Lane", "Baker Street", "Upper Street", "Old Kent Road"},
			[]string{"Olivia", "Noah", "Siân", "Amir", "Grace"}, []string{"O'Brien", "Patel", "Smith", "Okafor", "Hughes"}, false},
	}
}

func goods() []string {
	return []string{"Teapot", "Desk lamp", "Wool scarf", "Rain jacket", "Bicycle bell", "Cast-iron pan", "Notebook", "Chess set",
		"龙井茶", "Umbrella", "Headphones", "Backpack", "Water bottle", "Houseplant 🌱", "Coffee grinder", "Board game 🎲"}
}

func shades() []string {
	return []string{"red", "blue", "olive", "sand", "black", "crème", "small", "large", "travel size", "mk II"}
}

func notes() []string {
	return []string{"leave it with the neighbour", "ring twice 🔔", "请放门口", "gift wrap 🎁", "no plastic, please", "Hinterhof, 3. Stock"}
}

// nicknames are what many would like to have before the @.
func nicknames() []string {
	return []string{"ada", "小明", "max", "zoe", "info", "office", "mail", "hello", "post", "shop"}
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// A customer as the table has it.
type customer struct {
	name, email, city, street string
	note                      any // text or nil
}

// someone makes up a customer. The number makes the address of the mail unique.
func someone(r *rand.Rand, id int64) customer {
	h := pick(r, homes())
	c := customer{city: h.city, street: fmt.Sprintf("%s %d", pick(r, h.streets), 1+r.IntN(180))}
	given, family := pick(r, h.given), pick(r, h.family)
	c.name = given + " " + family
	if h.joined {
		c.name = family + given
	}
	c.email = fmt.Sprintf("%s.%d@example.com", pick(r, []string{"mail", "shop", "hello", "post"}), id)
	if r.IntN(4) == 0 {
		c.note = pick(r, notes())
	}
	return c
}

// cents writes an amount as the decimal that it is.
func cents(n int64) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
