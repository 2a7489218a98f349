-- title: 카테고리별 판매 및 리뷰
-- description: 상위 카테고리별 매출, 리뷰 수, 평균 평점. 판매와 리뷰는 따로 더한 뒤에 잇는다.
-- chart: bar x=category y=revenue line=average_rating
WITH product_category AS (
    SELECT
        p.product_id,
        COALESCE(parent.name, c.name) AS category
    FROM products p
    JOIN categories c ON c.category_id = p.category_id
    LEFT JOIN categories parent ON parent.category_id = c.parent_id
),
sales AS (
    SELECT pc.category, SUM(i.quantity) AS quantity, SUM(i.quantity * i.unit_price) AS revenue
    FROM orders o
    JOIN order_items i ON i.order_id = o.order_id
    JOIN product_category pc ON pc.product_id = i.product_id
    WHERE o.status NOT IN ('cancelled', 'refunded')
    GROUP BY pc.category
),
reviewed AS (
    SELECT pc.category, COUNT(*) AS reviews, SUM(r.rating) AS rating_sum
    FROM reviews r
    JOIN product_category pc ON pc.product_id = r.product_id
    GROUP BY pc.category
)
SELECT
    s.category,
    s.quantity,
    s.revenue,
    COALESCE(v.reviews, 0) AS reviews,
    CAST(v.rating_sum AS double) / v.reviews AS average_rating
FROM sales s
LEFT JOIN reviewed v ON v.category = s.category
ORDER BY s.revenue DESC, s.category
